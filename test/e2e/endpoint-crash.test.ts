import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { addModel, eventually, seededRandom } from '../../src/testing/index.ts'
import { fraudCalls } from './fraud-calls.ts'
import { expectOk, moveAlias, putEndpoint, registerVersion } from './registered-version.ts'
import { spawnServer } from './spawn-server.ts'

const folder = mkdtempSync(join(tmpdir(), 'slipway-endpoint-crash-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const adds = (amount: number): Record<string, string> => ({ 'model.mjs': addModel(amount) })

/** A server over the same data folder each time, and what the tests ask of it. */
const startServer = async (dataDir: string, environment: Readonly<Record<string, string>> = {}) => {
  const server = await spawnServer(dataDir, { environment })
  return { ...server, ...fraudCalls(server) }
}

/** Processes whose parent is `pid`. */
const childrenOf = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number)

describe('a move of an endpoint', () => {
  it('is made whole or not at all, whenever the server is killed', async () => {
    const dataDir = join(folder, 'server', 'data')
    const random = seededRandom(7)
    let server = await startServer(dataDir)
    // Loads take so long that most kills fall into a move.
    const slow = (amount: number) => `await new Promise((resolve) => setTimeout(resolve, 500))\n${addModel(amount)}`
    for (const amount of [1, 2]) await registerVersion(server, 'fraud', { 'model.mjs': slow(amount) })
    await expectOk(await moveAlias(server, 'fraud', 'champion', 1))
    await expectOk(await putEndpoint(server, 'fraud', { reference: 'models:/fraud@champion' }))
    let cut = 0
    for (let round = 0; round < 6; round++) {
      const before = await server.aliased()
      const to = before === '1' ? 2 : 1
      const move = moveAlias(server, 'fraud', 'champion', to).then(
        (response) => response.ok,
        () => undefined,
      )
      const killAfter = performance.now() + random.next() * 1200
      await eventually('it is time', () => (performance.now() >= killAfter ? true : undefined))
      await server.kill()
      const acknowledged = await move
      if (acknowledged === undefined) cut += 1
      server = await startServer(dataDir)
      const now = await server.aliased()
      if (acknowledged === true) expect(now).toBe(String(to))
      else expect([before, String(to)]).toContain(now)
      expect(await server.answer()).toEqual([now, 10 + Number(now)])
    }
    expect(cut).toBeGreaterThan(0)
    await server.kill()
  })

  it('leaves no folders behind, once the server has started again', async () => {
    const dataDir = join(folder, 'left', 'data')
    const scratch = join(folder, 'left', 'tmp')
    mkdirSync(scratch, { recursive: true })
    const server = await startServer(dataDir, { TMPDIR: scratch })
    await registerVersion(server, 'fraud', adds(1))
    await expectOk(await moveAlias(server, 'fraud', 'champion', 1))
    await expectOk(await putEndpoint(server, 'fraud', { reference: 'models:/fraud@champion' }))
    const never = `await new Promise((resolve) => setTimeout(resolve, 600_000))\n${addModel(2)}`
    await registerVersion(server, 'fraud', { 'model.mjs': never })
    const move = moveAlias(server, 'fraud', 'champion', 2).catch(() => undefined)
    const served = join(dataDir, 'served')
    await eventually('the candidate has a folder', () => (readdirSync(served).length === 4 ? true : undefined))
    mkdirSync(join(served, `${'0'.repeat(64)}.half-made`))
    await server.kill()
    await move
    const [left] = readdirSync(scratch)
    expect(left).toMatch(/^slipway-hosts-/)
    // Made by somebody else.
    mkdirSync(join(scratch, 'slipway-hosts-x'))
    const again = await startServer(dataDir, { TMPDIR: scratch })
    expect(await again.answer()).toEqual(['1', 11])
    await eventually('what was left is gone', () => (readdirSync(served).length === 2 ? true : undefined))
    const now = readdirSync(scratch)
    expect(now).toHaveLength(2)
    expect(now).toContain('slipway-hosts-x')
    expect(now).not.toContain(left)
    await again.kill()
  })

  it.runIf(existsSync('/proc/self/task'))(
    'is refused when the host of the candidate is killed, and the incumbent serves on',
    async () => {
      const server = await startServer(join(folder, 'host', 'data'))
      await registerVersion(server, 'fraud', adds(1))
      await expectOk(await moveAlias(server, 'fraud', 'champion', 1))
      await expectOk(await putEndpoint(server, 'fraud', { reference: 'models:/fraud@champion' }))
      const never = `await new Promise((resolve) => setTimeout(resolve, 600_000))\n${addModel(2)}`
      await registerVersion(server, 'fraud', { 'model.mjs': never })
      const incumbents = childrenOf(server.pid)
      const move = moveAlias(server, 'fraud', 'champion', 2)
      const candidate = await eventually('the candidate has a host', () =>
        childrenOf(server.pid).find((pid) => !incumbents.includes(pid)),
      )
      process.kill(candidate, 'SIGKILL')
      const refused = await move
      expect([refused.status, await refused.text()]).toEqual([409, expect.stringContaining('ended by SIGKILL')])
      expect(await server.answer()).toEqual(['1', 11])
      // The incumbent's own host comes back as ever.
      for (const pid of incumbents) process.kill(pid, 'SIGKILL')
      await eventually('it answers again', () => server.answer().catch(() => undefined))
      expect(await server.aliased()).toBe('1')
      await server.kill()
    },
  )
})
