import { afterEach, describe, expect, it, vi } from 'vitest'
import { addModel, eventually, inferBody, jsModel, startTestApp } from '../../src/testing/index.ts'
import type { TestApp } from '../../src/testing/index.ts'
import { isRunning } from './hosts.ts'
import { memoryOf, mostUsed } from './memory-of.ts'

/**
 * A large model among ten small ones, of which some fit beside it: more than twice as many would if it left its room.
 * It answers its process's number; 66 aborts that, at 77 it says that an allocation failed, which has its host replaced.
 */
const models = {
  ...Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`m${i}/1/model.mjs`, addModel(i)])),
  'large/1/model.mjs': `globalThis.held = new Uint8Array(150 * 2 ** 20).fill(1)
${jsModel(`
  if (x.data[0] === 66) process.abort()
  if (x.data[0] === 77) throw new Error('Failed to allocate memory')
  return [process.pid]`)}`,
}
const budget = ['--serving.memory.budget-bytes', '550MiB']

const infer = async (app: TestApp, model: string, value = 10): Promise<number> =>
  (await app.post(`/v2/models/${model}/infer`, inferBody([value]))).status

/** The process of the large model, which answers meanwhile. */
const hostOf = async (app: TestApp): Promise<number> => {
  const response = await app.post('/v2/models/large/infer', inferBody([1]))
  const { outputs } = (await response.json()) as { outputs: { data: number[] }[] }
  return outputs[0]?.data[0] ?? 0
}

const count = (app: TestApp, event: string): number => app.log.filter((line) => line.event === event).length

/** What is in memory of the small ones. */
const smallInside = async (app: TestApp): Promise<number> => {
  const index = (await (await app.post('/v2/repository/index', { ready: true })).json()) as { name: string }[]
  return index.filter(({ name }) => /^m\d$/.test(name)).length
}

/** Asks one small model after another, so that each takes the room of an earlier one, until told to stop. */
const askOthers = (app: TestApp): (() => Promise<readonly number[]>) => {
  let isDone = false
  const statuses = new Set<number>()
  const asking = (async () => {
    for (let i = 0; !isDone; i = (i + 1) % 10) statuses.add(await infer(app, `m${i}`))
  })()
  return async () => {
    isDone = true
    await asking
    return [...statuses]
  }
}

describe('while the memory budget is full', { timeout: 120_000 }, () => {
  afterEach(() => void vi.restoreAllMocks())

  it('a host that crashes comes back into its own room, however many want it meanwhile', async () => {
    // The longest pauses that chance may give: time enough for others to take the room.
    vi.spyOn(Math, 'random').mockReturnValue(0.999)
    await using app = await startTestApp({
      models,
      flags: [...budget, '--serving.host.crashes-max', '1000', '--serving.host.backoff-first-ms', '3s'],
    })
    expect(await infer(app, 'large')).toBe(200)
    const most = await mostUsed(app, async () => {
      const stop = askOthers(app)
      for (let crash = 1; crash <= 2; crash++) {
        expect(await infer(app, 'large', 66)).toBe(502)
        await eventually('the model answers', async () => ((await infer(app, 'large')) === 200 ? true : undefined))
        expect(await smallInside(app)).toBeLessThan(6)
      }
      expect(await stop()).toEqual([200])
    })
    expect(count(app, 'host.crashed')).toBe(2)
    const { budgetBytes } = await memoryOf(app)
    expect(most).toBeLessThanOrEqual(budgetBytes)
    expect(most).toBeGreaterThan(0.7 * budgetBytes)
    expect(count(app, 'memory.budget_overrun')).toBe(0)
  })

  it('a host that is replaced has idle models make way for the fresh one', async () => {
    await using app = await startTestApp({ models, flags: budget })
    for (let i = 0; i < 10; i++) expect(await infer(app, `m${i}`)).toBe(200)
    const old = await hostOf(app)
    const before = await smallInside(app)
    expect(before).toBeGreaterThan(2)
    const most = await mostUsed(app, async () => {
      expect(await infer(app, 'large', 77)).toBe(500)
      await eventually('others make way', async () => ((await smallInside(app)) < before ? true : undefined))
      await eventually('the fresh host serves', async () => ((await hostOf(app)) === old ? undefined : true))
      await eventually('the old one has ended', () => (isRunning(old) ? undefined : true))
    })
    expect(most).toBeLessThanOrEqual((await memoryOf(app)).budgetBytes)
    expect([count(app, 'host.recycled'), count(app, 'host.crashed')]).toEqual([1, 0])
    expect(count(app, 'memory.budget_overrun')).toBe(0)
    for (let i = 0; i < 10; i++) expect(await infer(app, `m${i}`)).toBe(200)
  })
})
