import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../lib/index.ts'
import { takeProcessLock } from './process-lock.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'slipway-lock-'))
})
afterEach(() => rmSync(directory, { recursive: true }))

const take = (onWait = (): void => undefined): ReturnType<typeof takeProcessLock> =>
  takeProcessLock(join(directory, 'lock'), { clock: systemClock, signal: new AbortController().signal, onWait })

/** A process that takes the lock many times and writes to a file what it does while it has it. */
const worker = (turns: number): Promise<number | null> => {
  const source = `
import { appendFileSync } from 'node:fs'
import { takeProcessLock } from ${JSON.stringify(fileURLToPath(new URL('process-lock.ts', import.meta.url)))}
// A clock that doesn't wait, so that the two are always after the lock.
const clock = { now: () => 0, wallMs: () => 0, setTimer: (fn) => setImmediate(fn) }
const [directory, turns] = process.argv.slice(1)
for (let turn = 0; turn < Number(turns); turn += 1) {
  const release = await takeProcessLock(directory + '/lock', { clock, signal: new AbortController().signal, onWait() {} })
  appendFileSync(directory + '/log', process.pid + ' in\\n')
  await new Promise((resolve) => setImmediate(resolve))
  appendFileSync(directory + '/log', process.pid + ' out\\n')
  await release()
}`
  const args = ['--input-type=module', '-e', source, directory, String(turns)]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'] })
  return new Promise((resolve) => child.on('exit', resolve))
}

describe('a lock between processes', () => {
  it('is had by one at a time', async () => {
    const turns = 300
    expect(await Promise.all([worker(turns), worker(turns)])).toEqual([0, 0])
    const log = readFileSync(join(directory, 'log'), 'utf8').trim().split('\n')
    expect(log).toHaveLength(4 * turns)
    expect(new Set(log.map((line) => line.split(' ')[0])).size).toBe(2)
    for (let at = 0; at < log.length; at += 2) expect(log[at + 1]).toBe(log[at]?.replace(' in', ' out'))
  }, 60_000)

  it('is waited for, and leaves nothing', async () => {
    const release = await take()
    let second = false
    const waits = new Promise<void>((waiting) => {
      void take(waiting).then(async (releaseSecond) => {
        second = true
        await releaseSecond()
        writeFileSync(join(directory, 'done'), '')
      })
    })
    await waits
    expect(second).toBe(false)
    expect(readdirSync(directory)).toEqual(['lock'])
    await release()
    await (
      await take()
    )()
    await expect.poll(() => readdirSync(directory)).toEqual(['done'])
  })

  it.each(['', '{', '{"pid":0,"started":""}', '{"pid":2147483646,"started":"1"}'])(
    'is taken over from what is dead: %s',
    async (mark) => {
      writeFileSync(join(directory, 'lock'), mark)
      await (
        await take()
      )()
      expect(readdirSync(directory)).toEqual([])
    },
  )
})
