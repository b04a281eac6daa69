import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { addModel, inferBody } from '../../src/testing/index.ts'
import { mayHaveSmallDisk, smallDisk } from './small-disk.ts'
import { spawnServer } from './spawn-server.ts'
import type { SpawnedServer, SpawnOptions } from './spawn-server.ts'

const mebibyte = 1024 * 1024

let root: string

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'slipway-log-'))
  mkdirSync(join(root, 'models/add/1'), { recursive: true })
  writeFileSync(join(root, 'models/add/1/model.mjs'), addModel(1))
})

afterEach(() => rmSync(root, { recursive: true, force: true }))

const start = (options: SpawnOptions): Promise<SpawnedServer> =>
  spawnServer(join(root, 'data'), { ...options, flags: ['--model-repository', join(root, 'models')] })

/** Loads that fail, each of which is told in the log. */
const logMuch = async ({ http }: SpawnedServer, lines: number): Promise<void> => {
  // As long as names of models may be, so that few are much.
  const name = 'n'.repeat(200)
  for (let sent = 0; sent < lines; sent += 20) {
    const loads = Array.from({ length: 20 }, () =>
      fetch(`${http}/v2/repository/models/${name}/load`, { method: 'POST' }),
    )
    for (const response of await Promise.all(loads)) expect(response.status).toBe(400)
  }
}

const serves = async ({ http }: SpawnedServer): Promise<void> => {
  const body = JSON.stringify(inferBody([1]))
  expect((await fetch(`${http}/v2/models/add/infer`, { method: 'POST', body })).status).toBe(200)
}

const events = (log: string): string[] =>
  log
    .split('\n')
    .filter((line) => line.startsWith('{') && line.endsWith('}'))
    .map((line) => (JSON.parse(line) as { event: string }).event)

describe('a server whose output can not be written', () => {
  it('to a full device serves, and stops as ever', async () => {
    const server = await start({ within: ['sh', '-c', 'exec "$@" >/dev/full 2>/dev/full', 'sh'] })
    await logMuch(server, 20)
    await serves(server)
    expect(await server.stop()).toBe(0)
  })

  it('since its readers are gone serves, and stops as ever', async () => {
    const server = await start({ output: 'pipe' })
    server.output.stdout?.destroy()
    server.output.stderr?.destroy()
    await logMuch(server, 20)
    await serves(server)
    expect(await server.stop()).toBe(0)
  })

  it('since nobody reads it serves, keeps little of it, and stops', async () => {
    const server = await start({ output: 'pipe' })
    const { stderr } = server.output
    await logMuch(server, 8000)
    await serves(server)
    expect(await server.stop()).toBe(0)
    const log = stderr === null ? '' : await text(stderr)
    expect(events(log)).toContain('model.load_failed')
    expect(log.length).toBeLessThan(1.5 * mebibyte)
  })

  it('and then can again tells how much of it is missing', async () => {
    const server = await start({ output: 'pipe' })
    const { stderr } = server.output
    await logMuch(server, 8000)
    if (stderr === null) throw new Error('there is no pipe')
    const log = text(stderr)
    await logMuch(server, 20)
    await serves(server)
    expect(await server.stop()).toBe(0)
    expect(events(await log)).toContain('log.left_out')
  })

  it.runIf(mayHaveSmallDisk)('for want of space on its disk serves, and goes on once there is some', async () => {
    const folder = join(root, 'disk')
    mkdirSync(folder)
    const disk = smallDisk(folder, 1)
    const server = await start({ within: [...disk.within, 'sh', '-c', `exec "$@" 2>'${folder}/log'`, 'sh'] })
    try {
      const [log, filling] = ['log', 'filling'].map((name) => join(disk.seenOf(server), name)) as [string, string]
      expect(() => writeFileSync(filling, Buffer.alloc(2 * mebibyte))).toThrow('ENOSPC')
      await logMuch(server, 200)
      await serves(server)
      const before = events(readFileSync(log, 'utf8'))
      rmSync(filling)
      await logMuch(server, 20)
      const after = events(readFileSync(log, 'utf8'))
      expect(after.length).toBeGreaterThan(before.length + 10)
      expect(after).toContain('log.left_out')
      expect(await server.stop()).toBe(0)
    } finally {
      await server.kill()
    }
  })
})
