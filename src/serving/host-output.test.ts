import { spawn, spawnSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { silentLogger } from '../lib/index.ts'
import { HostOutput } from './host-output.ts'

/** What is remembered of a program of Node's that has ended. */
const lastWordsOf = (script: string, ...flags: readonly string[]): Promise<string> =>
  lastWordsOfProgram(process.execPath, [...flags, '-e', script])

const lastWordsOfProgram = async (program: string, args: readonly string[]): Promise<string> => {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const output = new HostOutput(child, silentLogger, {})
  await new Promise((resolve) => child.on('close', resolve))
  return output.lastWords
}

const withPython = it.runIf(spawnSync('python3', ['--version']).status === 0)

describe('the last words of a host', () => {
  it('are the reason of its end, not the stack below it', async () => {
    const grow = 'const held = []; for (;;) held.push({ held: held.length })'
    expect(await lastWordsOf(grow, '--max-old-space-size=16')).toMatch(/^FATAL ERROR: .*heap/)
    expect(await lastWordsOf("throw new Error('no such customer')")).toBe('Error: no such customer')
  })

  withPython('are the heading of what Python tells of its end', async () => {
    const last = await lastWordsOfProgram('python3', ['-X', 'faulthandler', '-c', 'import os; os.abort()'])
    expect(last).toBe('Fatal Python error: Aborted')
  })

  withPython('are what C++ ended it for, although Python tells of an abort after that', async () => {
    const said = "terminate called after throwing an instance of 'std::out_of_range'\n  what():  no such leaf\n"
    const script = `import os, sys; sys.stderr.write(${JSON.stringify(said)}); sys.stderr.flush(); os.abort()`
    const last = await lastWordsOfProgram('python3', ['-X', 'faulthandler', '-c', script])
    expect(last).toBe("terminate called after throwing an instance of 'std::out_of_range' | what():  no such leaf")
  })

  it('are what it said before it aborted, or none', async () => {
    expect(await lastWordsOf('process.abort()')).toBe('')
    expect(await lastWordsOf("console.error('1: the weights are gone'); process.abort()")).toBe(
      '1: the weights are gone',
    )
  })

  it('are the last three lines that say something', async () => {
    const script = "console.error('one\\n\\ntwo\\n\\u001b[31mthree\\u001b[0m\\n   four'); process.exit(3)"
    expect(await lastWordsOf(script)).toBe('two | three | four')
  })

  withPython('are an exception of Python and what was said before it, without its trace', async () => {
    const script = [
      'import sys',
      'print("loading weights", file=sys.stderr)',
      'def read():',
      '    raise KeyError("layer 1")',
      'try: read()',
      'except KeyError as error: raise RuntimeError("no weights\\nin this version") from error',
    ].join('\n')
    const last = await lastWordsOfProgram('python3', ['-c', script])
    expect(last).toBe("KeyError: 'layer 1' | RuntimeError: no weights | in this version")
    expect(await lastWordsOfProgram('python3', ['-c', 'import sys\nsys.exit("no licence")'])).toBe('no licence')
  })

  it('name no folder of the machine', async () => {
    const paths =
      'no /srv/data/served/ab/model.bin, file:///tmp/x/y.mjs:3 (/etc/passwd) a/b https://h.example/a/b 1/2 /x'
    expect(await lastWordsOf(`console.error(${JSON.stringify(paths)})`)).toBe(
      'no …/model.bin, …/y.mjs:3 (…/passwd) a/b https://h.example/a/b 1/2 /x',
    )
  })

  it('are bounded, the last ones first', async () => {
    const print = (...lengths: readonly number[]): string =>
      `console.error(${JSON.stringify(lengths.map((length, index) => String(index).repeat(length)).join('\n'))})`
    expect(await lastWordsOf(print(300, 300, 100))).toBe(`${'1'.repeat(300)} | ${'2'.repeat(100)}`)
    expect(await lastWordsOf(print(10, 900))).toBe('1'.repeat(500))
  })
})
