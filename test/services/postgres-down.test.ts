import { describe, expect, it } from 'vitest'
import { openPostgres } from '../../src/adapters/postgres/index.ts'
import { systemClock, systemRandom } from '../../src/lib/index.ts'
import { addModel, eventually, inferBody, liveBytes, startTestApp } from '../../src/testing/index.ts'
import { openDoor } from './door.ts'
import { openTestPostgres } from './open-test-postgres.ts'

const api = '/api/2.0/mlflow'
const createRun = { experiment_id: '0', start_time: 1 }

describe('a server whose Postgres goes away', () => {
  it('predicts on, answers 503 for the registry, and writes again when Postgres is back', async () => {
    await using postgres = await openTestPostgres()
    await using door = await openDoor(new URL(postgres.url))
    await using app = await startTestApp({
      flags: ['--database', door.url],
      models: { 'add/1/model.mjs': addModel(1) },
    })
    const write = (): Promise<Response> => app.post(`${api}/runs/create`, createRun)
    const run = await eventually('the registry is open', async () => {
      const reply = await write()
      return reply.status === 200 ? ((await reply.json()) as { run: { info: { run_id: string } } }).run.info : undefined
    })
    door.cut()
    const refused = await write()
    expect(refused.status).toBe(503)
    expect(refused.headers.get('retry-after')).not.toBeNull()
    expect(await refused.text()).not.toContain('slipway@')
    expect((await app.post('/v2/models/add/infer', inferBody([1]))).status).toBe(200)
    expect((await app.fetch('/v2/health/ready')).status).toBe(200)
    door.state = 'open'
    await eventually('the registry writes again', async () => ((await write()).status === 200 ? true : undefined))
    expect((await app.fetch(`${api}/runs/get?run_id=${run.run_id}`)).status).toBe(200)
  })

  it('starts without it, and opens the registry once it is there', async () => {
    await using postgres = await openTestPostgres()
    await using door = await openDoor(new URL(postgres.url))
    door.cut()
    await using app = await startTestApp({ flags: ['--database', door.url] })
    expect((await app.post(`${api}/runs/create`, createRun)).status).toBe(503)
    expect((await app.fetch('/v2/health/ready')).status).toBe(200)
    door.state = 'open'
    await eventually(
      'the registry is open',
      async () => ((await app.post(`${api}/runs/create`, createRun)).status === 200 ? true : undefined),
      20_000,
    )
  })

  it('gives up on a statement that never comes back', async () => {
    await using postgres = await openTestPostgres()
    await using door = await openDoor(new URL(postgres.url))
    const behind = openPostgres({ url: door.url, clock: systemClock, random: systemRandom, statementMs: 300 })
    await behind.query('CREATE TABLE t (id BIGINT)')
    door.state = 'frozen'
    await expect(behind.query('INSERT INTO t VALUES (1)')).rejects.toMatchObject({ code: 'database_unavailable' })
    await expect(behind.query('SELECT id FROM t')).rejects.toMatchObject({ code: 'database_unavailable' })
    door.cut()
    door.state = 'open'
    expect(await behind.query('SELECT COUNT(*) AS count FROM t')).toEqual([{ count: 0 }])
    await behind.close()
  })

  it('refuses hundreds of writes while it is away without keeping any of them, and predicts on', async () => {
    await using postgres = await openTestPostgres()
    await using door = await openDoor(new URL(postgres.url))
    await using app = await startTestApp({
      flags: ['--database', door.url],
      models: { 'add/1/model.mjs': addModel(1) },
    })
    const write = (): Promise<Response> => app.post(`${api}/runs/create`, createRun)
    await eventually('the registry is open', async () => ((await write()).status === 200 ? true : undefined))
    const wave = async (): Promise<void> => {
      const writes = await Promise.all(Array.from({ length: 25 }, write))
      for (const refused of writes) {
        expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1'])
        await refused.arrayBuffer()
      }
      expect((await app.post('/v2/models/add/infer', inferBody([1]))).status).toBe(200)
    }
    door.cut()
    for (let count = 0; count < 4; count++) await wave()
    const before = {
      lines: app.log.length,
      held: process.getActiveResourcesInfo().length,
      bytes: liveBytes(),
    }
    for (let count = 0; count < 30; count++) await wave()
    expect(app.log.length - before.lines).toBeLessThan(50)
    expect(process.getActiveResourcesInfo().length - before.held).toBeLessThan(50)
    expect(liveBytes() - before.bytes).toBeLessThan(128 * 1024 * 1024)
    expect((await app.fetch('/v2/health/ready')).status).toBe(200)
    door.state = 'open'
    await eventually('the registry writes again', async () => ((await write()).status === 200 ? true : undefined))
    // What was refused is not made up for later.
    const found = await app.post(`${api}/runs/search`, { experiment_ids: ['0'], max_results: 1000 })
    expect(((await found.json()) as { runs: readonly object[] }).runs).toHaveLength(2)
  })

  it.each(['cut', 'frozen'] as const)('keeps nothing of what it refused while it is %s', async (state) => {
    await using postgres = await openTestPostgres()
    await using door = await openDoor(new URL(postgres.url))
    const limits = { connectionsMax: 4, connectMs: 200, statementMs: 300 }
    const behind = openPostgres({ url: door.url, clock: systemClock, random: systemRandom, ...limits })
    await behind.query('CREATE TABLE t (id BIGINT)')
    const held = process.getActiveResourcesInfo().length
    if (state === 'cut') door.cut()
    else door.state = state
    const unavailable = { code: 'database_unavailable' }
    const ask = async (): Promise<void> => {
      const writes = Array.from({ length: 50 }, (_, id) => behind.query('INSERT INTO t VALUES (?)', [id]))
      const reads = Array.from({ length: 50 }, () => behind.query('SELECT id FROM t'))
      for (const asked of await Promise.allSettled([...writes, ...reads]))
        expect(asked).toMatchObject({ status: 'rejected', reason: unavailable })
    }
    for (let count = 0; count < 8; count++) await ask()
    // Of each connection: its socket, both of the door, a connect and a timer.
    expect(process.getActiveResourcesInfo().length).toBeLessThanOrEqual(held + 5 * limits.connectionsMax)
    door.cut()
    door.state = 'open'
    await eventually('it is there again', () => behind.query('SELECT id FROM t').catch(() => undefined))
    expect(await behind.query('SELECT id FROM t')).toEqual([])
    await behind.query('INSERT INTO t VALUES (1)')
    await behind.close()
  })

  it('is one registry for two servers', async () => {
    await using postgres = await openTestPostgres()
    await using one = await startTestApp({ flags: ['--database', postgres.url] })
    await using two = await startTestApp({ flags: ['--database', postgres.url] })
    const name = { name: 'fraud' }
    for (const app of [one, two])
      await eventually('the registry is open', async () =>
        (await app.fetch(`${api}/experiments/get?experiment_id=0`)).ok ? true : undefined,
      )
    expect((await one.post(`${api}/registered-models/create`, name)).status).toBe(200)
    const source = { ...name, source: 'mlflow-artifacts:/0/models/m' }
    const made = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        (index % 2 === 0 ? one : two).post(`${api}/model-versions/create`, source),
      ),
    )
    const versions = await Promise.all(
      made.map(async (reply) => ((await reply.json()) as { model_version: { version: string } }).model_version.version),
    )
    expect(versions.map(Number).sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, index) => index + 1))
  })
})
