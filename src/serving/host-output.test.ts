import { spawn } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { silentLogger } from '../lib/index.ts'
import { HostOutput } from './host-output.ts'

/** What is remembered of a program of Node's that has ended. */
const lastLineOf = (script: string, ...flags: readonly string[]): Promise<string> =>
  lastLineOfProgram(process.execPath, [...flags, '-e', script])

const lastLineOfProgram = async (program: string, args: readonly string[]): Promise<string> => {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const output = new HostOutput(child, silentLogger, {})
  await new Promise((resolve) => child.on('close', resolve))
  return output.lastLine
}

describe('the last words of a host', () => {
  it('are the reason of its end, not the stack below it', async () => {
    const grow = 'const held = []; for (;;) held.push({ held: held.length })'
    expect(await lastLineOf(grow, '--max-old-space-size=16')).toMatch(/^FATAL ERROR: .*heap/)
    expect(await lastLineOf("throw new Error('no such customer')")).toBe('Error: no such customer')
  })

  it('are the heading of what Python tells of its end', async () => {
    const last = await lastLineOfProgram('python3', ['-X', 'faulthandler', '-c', 'import os; os.abort()'])
    expect(last).toBe('Fatal Python error: Aborted')
  })

  it('are what C++ ended it for, although Python tells of an abort after that', async () => {
    const said = "terminate called after throwing an instance of 'std::out_of_range'\n  what():  no such leaf\n"
    const script = `import os, sys; sys.stderr.write(${JSON.stringify(said)}); sys.stderr.flush(); os.abort()`
    const last = await lastLineOfProgram('python3', ['-X', 'faulthandler', '-c', script])
    expect(last).toBe('what():  no such leaf')
  })

  it('are what it said before it aborted, or none', async () => {
    expect(await lastLineOf('process.abort()')).toBe('')
    expect(await lastLineOf("console.error('1: the weights are gone'); process.abort()")).toBe(
      '1: the weights are gone',
    )
  })
})
