import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { addModel, eventually, inferBody, seededRandom, startTestApp } from '../../src/testing/index.ts'
import type { TestApp } from '../../src/testing/index.ts'
import { hosts } from './hosts.ts'
import { expectOk, moveAlias, putEndpoint, registerVersion } from './registered-version.ts'

/** Generous, since the machine may be busy with other work. */
const soon = { timeout: 20_000 }

const api = '/api/slipway/v1'
const mlflow = '/api/2.0/mlflow'

/** What is asked of a server at random; `model` is the name that the model has just now. */
interface World {
  readonly app: TestApp
  model: string
  versions: number
  pick<T>(choices: readonly T[]): T
}

/** A model that adds its version; every fourth version does not load. */
const filesOf = (version: number): Record<string, string> => ({
  'model.mjs': version % 4 === 0 ? 'throw new Error("no weights")' : addModel(version),
})

const addVersion = async (world: World): Promise<Response> => {
  const version = await registerVersion(world.app, world.model, filesOf(world.versions + 1))
  world.versions = version
  return Response.json({})
}

const someVersion = ({ pick, versions }: World): number => pick(Array.from({ length: versions }, (_, at) => at + 1))

type Step = (world: World) => Promise<Response>

const steps: Readonly<Record<string, Step>> = {
  move: (world) => moveAlias(world.app, world.model, 'champion', someVersion(world)),
  moveAgain: (world) => moveAlias(world.app, world.model, 'champion', someVersion(world)),
  rollback: ({ app }) => app.post(`${api}/endpoints/fraud/rollback`, {}),
  put: (world) => {
    const reference = world.pick(['@champion', '@champion', '/latest', `/${someVersion(world)}`])
    return putEndpoint(world.app, 'fraud', {
      reference: `models:/${world.model}${reference}`,
      wait: world.pick([true, false]),
    })
  },
  remove: ({ app }) => app.fetch(`${api}/endpoints/fraud`, { method: 'DELETE' }),
  dropVersion: (world) =>
    world.app.fetch(`${api}/registered-models/${world.model}/versions/${someVersion(world)}`, { method: 'DELETE' }),
  dropAlias: ({ app, model }) =>
    app.fetch(`${mlflow}/registered-models/alias`, {
      method: 'DELETE',
      body: JSON.stringify({ name: model, alias: 'champion' }),
      headers: { 'content-type': 'application/json' },
    }),
  rename: async (world) => {
    const name = world.model === 'm' ? 'renamed' : 'm'
    const reply = await world.app.post(`${mlflow}/registered-models/rename`, { name: world.model, new_name: name })
    if (reply.ok) world.model = name
    return reply
  },
  load: ({ app }) => app.post('/v2/repository/models/fraud/load', {}),
  unload: ({ app }) => app.post('/v2/repository/models/fraud/unload', {}),
}

/** A version that loads, and an endpoint that follows an alias, unless they are there. */
const mend = async (world: World): Promise<void> => {
  const { app, model } = world
  do await addVersion(world)
  while (world.versions % 4 === 0)
  if ((await endpointVersion(app)) !== undefined) return
  await expectOk(await moveAlias(app, model, 'champion', world.versions))
  await expectOk(await putEndpoint(app, 'fraud', { reference: `models:/${model}@champion` }))
}

/** The value that the endpoint answers to 10, less 10: the version that computed it. */
const served = async (app: TestApp): Promise<number | undefined> => {
  const response = await app.post('/v2/models/fraud/infer', inferBody([10]))
  if (!response.ok) {
    expect([400, 404, 503]).toContain(response.status)
    return undefined
  }
  const { model_version: version, outputs } = (await response.json()) as {
    model_version: string
    outputs: { data: number[] }[]
  }
  expect(outputs[0]?.data[0]).toBe(10 + Number(version))
  return Number(version)
}

const endpointVersion = async (app: TestApp): Promise<number | undefined> => {
  const response = await app.fetch(`${api}/endpoints/fraud`)
  return response.ok ? ((await response.json()) as { version?: number }).version : undefined
}

const digestFolders = (app: TestApp): string[] => {
  const folder = join(app.dataDir, 'served')
  return existsSync(folder) ? readdirSync(folder) : []
}

/** What serves is what the registry says and can't be deleted, and nothing else is kept. */
const requireSettled = async ({ app, model }: World): Promise<void> => {
  await expectOk(await app.post('/v2/repository/models/fraud/load', {})).catch(() => undefined)
  const wanted = await endpointVersion(app)
  const isBroken = wanted !== undefined && wanted % 4 === 0
  await eventually('what serves is what the registry says', async () => {
    const now = await served(app)
    return isBroken || now === wanted ? true : undefined
  })
  if (wanted === undefined) {
    await expect.poll(() => hosts().length, soon).toBe(0)
    await expect.poll(() => digestFolders(app), soon).toEqual([])
    return
  }
  const path = `${api}/registered-models/${model}/versions/${wanted}`
  if (!isBroken) expect((await app.fetch(path, { method: 'DELETE' })).status).toBe(409)
  // The version that answers and the one before, with its list of files beside each.
  await expect.poll(() => hosts().length, soon).toBeLessThanOrEqual(2)
  await expect.poll(() => digestFolders(app).length, soon).toBeLessThanOrEqual(6)
  await expect.poll(() => digestFolders(app).filter((name) => !/^[0-9a-f]{64}(\.json)?$/.test(name)), soon).toEqual([])
}

describe('moves among all that else may happen to an endpoint', () => {
  it.each([1, 2, 3])('leave what the registry says, whatever comes together (seed %i)', async (seed) => {
    const random = seededRandom(seed)
    const pick = <T>(choices: readonly T[]): T => choices[Math.floor(random.next() * choices.length)] as T
    await using app = await startTestApp({ flags: ['--delivery.poll-interval-ms=50ms'] })
    const world: World = { app, model: 'm', versions: 0, pick }
    for (let version = 0; version < 3; version++) await addVersion(world)
    const seen: string[] = []
    for (let round = 0; round < 15; round++) {
      await mend(world)
      const chosen = Array.from({ length: 4 }, () => pick(Object.entries(steps)))
      const replies = await Promise.all(chosen.map(([, step]) => step(world)))
      const statuses = replies.map(({ status }, at) => `${chosen[at]?.[0]} ${status}`)
      seen.push(...statuses)
      for (const [at, reply] of replies.entries())
        if (reply.status >= 500) expect([statuses[at], await reply.text()]).toEqual([])
      await served(app)
      await requireSettled(world).catch((error: unknown) => {
        throw new Error(`after ${seen.join(', ')}`, { cause: error })
      })
    }
    await app.fetch(`${api}/endpoints/fraud`, { method: 'DELETE' })
    await expect.poll(() => hosts(), soon).toEqual([])
    await expect.poll(() => digestFolders(app), soon).toEqual([])
  })

  it('leave no files of what was refused', async () => {
    await using app = await startTestApp()
    for (let version = 1; version <= 3; version++) await registerVersion(app, 'm', filesOf(version))
    await expectOk(await moveAlias(app, 'm', 'champion', 1))
    await expectOk(await putEndpoint(app, 'fraud', { reference: 'models:/m@champion' }))
    const before = digestFolders(app)
    for (let amount = 0; amount < 3; amount++) {
      const files = { 'model.mjs': 'throw new Error("no weights")', 'weights.bin': `the weights of ${amount}` }
      const version = await registerVersion(app, 'm', files)
      expect((await moveAlias(app, 'm', 'champion', version)).status).toBe(409)
      expect(digestFolders(app)).toEqual(before)
    }
  })

  it('end with the reason when the server is stopped within one', async () => {
    const app = await startTestApp({ flags: ['--shutdown-timeout-ms=3000'] })
    await registerVersion(app, 'm', filesOf(1))
    await expectOk(await moveAlias(app, 'm', 'champion', 1))
    await expectOk(await putEndpoint(app, 'fraud', { reference: 'models:/m@champion' }))
    const never = `await new Promise((resolve) => setTimeout(resolve, 600_000))\n${addModel(2)}`
    await registerVersion(app, 'm', { 'model.mjs': never })
    const move = moveAlias(app, 'm', 'champion', 2)
    await eventually('the candidate has a host', () => (hosts().length > 1 ? true : undefined))
    const stopped = app.stop()
    const reply = await move
    expect([reply.status, await reply.text()]).toEqual([409, expect.stringContaining('the server is shutting down')])
    await stopped
    expect(hosts()).toEqual([])
  })
})
