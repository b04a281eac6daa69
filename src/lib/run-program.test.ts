import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runProgram } from './run-program.ts'

let directory: string
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'slipway-run-'))
})
afterAll(() => rmSync(directory, { recursive: true }))

const environment = { PATH: process.env['PATH'] }
const shell = (script: string): string[] => ['/bin/sh', '-c', script]
/** Starts a program that leaves the group, keeps the streams open, and writes its number to a file. */
const leaver = (name: string): string =>
  `setsid sh -c 'echo $$ > ${name}; exec sleep 600' & while [ ! -s ${name} ]; do :; done`
const endLeaver = (name: string): void => {
  process.kill(Number(readFileSync(join(directory, name), 'utf8')), 'SIGKILL')
}

describe('a program', () => {
  it('tells its lines and how it ended', async () => {
    const lines: string[] = []
    const run = (script: string): ReturnType<typeof runProgram> =>
      runProgram(shell(script), { environment, timeoutMs: 60_000, onLine: (line) => lines.push(line) })
    expect(await run('echo one; printf two')).toEqual({ outcome: 'done', status: 'done', output: ['one', 'two'] })
    expect(lines).toEqual(['one', 'two'])
    expect(await run('exit 3')).toMatchObject({ outcome: 'failed', status: 'it exited with code 3' })
    expect(await run('kill -9 $$')).toMatchObject({ outcome: 'failed', status: 'it ended by SIGKILL' })
    expect(await runProgram(['/nowhere/x'], { environment, timeoutMs: 60_000 })).toMatchObject({
      outcome: 'not_started',
      status: expect.stringContaining('ENOENT') as string,
    })
  })

  it('has ended when it exits, though a program that it left behind keeps its streams open', async () => {
    const options = { environment, timeoutMs: 60_000, directory }
    const result = await runProgram(shell(`echo said; ${leaver('left')}`), options)
    endLeaver('left')
    expect(result).toEqual({ outcome: 'done', status: 'done', output: ['said'] })
  })

  it('is given up after its time, and when it is called off, whoever keeps its streams open', async () => {
    const script = (name: string): string[] => shell(`${leaver(name)}; echo ready; while :; do sleep 1; done`)
    const late = await runProgram(script('late'), { environment, timeoutMs: 3000, directory })
    endLeaver('late')
    expect(late).toMatchObject({ outcome: 'late', status: 'it took longer than 3 s' })

    const controller = new AbortController()
    const options = { environment, timeoutMs: 60_000, directory, signal: controller.signal }
    const off = await runProgram(script('off'), { ...options, onLine: () => controller.abort() })
    endLeaver('off')
    expect(off).toMatchObject({ outcome: 'called_off', output: ['ready'] })
  })

  it('that is called off before it starts does not run', async () => {
    const options = { environment, timeoutMs: 60_000, signal: AbortSignal.abort() }
    expect(await runProgram(shell('while :; do sleep 1; done'), options)).toMatchObject({ outcome: 'called_off' })
  })
})
