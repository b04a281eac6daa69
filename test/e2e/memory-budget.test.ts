import { describe, expect, it } from 'vitest'
import {
  addModel,
  buildOnnx,
  eventually,
  identityModel,
  inferBody,
  jsModel,
  seededRandom,
  startTestApp,
} from '../../src/testing/index.ts'
import type { TestApp } from '../../src/testing/index.ts'
import { memoryOf, mostUsed } from './memory-of.ts'

const mebibyte = 1024 ** 2

const infer = async (app: TestApp, path: string, value = 10): Promise<[status: number, body: string]> => {
  const response = await app.post(`/v2/models/${path}/infer`, inferBody([value]))
  return [response.status, await response.text()]
}

/** The answer, and the version that gave it. */
const answerOf = async (app: TestApp, path: string): Promise<string> => {
  const [status, text] = await infer(app, path)
  const body = JSON.parse(text) as { model_version?: string; outputs?: { data: number[] }[]; error?: string }
  return status === 200 ? `${body.outputs?.[0]?.data[0]} by ${body.model_version}` : `${status} ${body.error}`
}

const loadsOf = (app: TestApp, model?: string): number =>
  app.log.filter(({ event, fields }) => event === 'model.ready' && (model ?? fields['model']) === fields['model'])
    .length

describe('hosts of several instances and versions', () => {
  it('count one by one, and a model of which even they do not fit says so', async () => {
    const onnx = buildOnnx(identityModel('FP32'))
    await using app = await startTestApp({
      models: {
        'multi/1/model.onnx': onnx,
        'multi/config.pbtxt': 'max_batch_size: 8 instance_group { count: 6 }',
        'two/config.pbtxt': 'version_policy { all {} }',
        'two/1/model.onnx': onnx,
        'two/2/model.onnx': onnx,
        'two/3/model.onnx': onnx,
        'a/1/model.onnx': onnx,
      },
      flags: ['--serving.memory.budget-bytes', '300MiB'],
    })
    const most = await mostUsed(app, async () => {
      for (const path of ['a', 'two/versions/1', 'two/versions/2', 'two/versions/3', 'two', 'a', 'two/versions/1'])
        expect([path, (await infer(app, path))[0]]).toEqual([path, 200])
    })
    const { usedBytes, budgetBytes } = await memoryOf(app)
    expect(budgetBytes).toBe(300 * mebibyte)
    expect(most).toBeLessThanOrEqual(budgetBytes)
    expect(usedBytes).toBeGreaterThan(100 * mebibyte)
    expect(await answerOf(app, 'multi')).toMatch(/^503 .*'multi'.*memory budget/)
  })
})

describe('a version that is left out for want of room', () => {
  const models = {
    'two/config.pbtxt': 'version_policy { all {} }',
    'two/1/model.mjs': addModel(1),
    'two/2/model.mjs': addModel(2),
    'two/3/model.mjs': addModel(3),
  }

  it('is loaded by a request that names none when it is the one to answer', async () => {
    await using app = await startTestApp({ models, flags: ['--serving.memory.budget-bytes', '240MiB'] })
    for (let round = 0; round < 3; round++) {
      expect(await answerOf(app, 'two')).toBe('13 by 3')
      expect(await answerOf(app, 'two/versions/1')).toBe('11 by 1')
      expect(await answerOf(app, 'two/versions/2')).toBe('12 by 2')
    }
    const { usedBytes, budgetBytes } = await memoryOf(app)
    expect(usedBytes).toBeLessThanOrEqual(budgetBytes)
  })

  it('has the request say so when there is no room for it now', async () => {
    const slow = jsModel(`
      if (x.data[0] === 66) await new Promise((done) => setTimeout(done, 1500))
      return [x.data[0]]`)
    await using app = await startTestApp({
      models: { ...models, 'two/2/model.mjs': slow },
      flags: ['--serving.memory.budget-bytes', '130MiB'],
    })
    expect(await answerOf(app, 'two/versions/2')).toBe('10 by 2')
    const inside = infer(app, 'two/versions/2', 66)
    await eventually('it is inside', async () =>
      (await (await app.fetch('/api/slipway/v1/models/two')).text()).includes('"inFlight":1') ? true : undefined,
    )
    expect(await answerOf(app, 'two')).toMatch(/^429 .*memory budget/)
    expect((await inside)[0]).toBe(200)
    expect(await answerOf(app, 'two')).toBe('13 by 3')
  })

  it('leaves the answer to others when it is broken', async () => {
    await using app = await startTestApp({
      models: { ...models, 'two/3/model.mjs': 'export const nothing = 1\n' },
      flags: ['--serving.memory.budget-bytes', '130MiB'],
    })
    for (let round = 0; round < 2; round++) {
      expect(await answerOf(app, 'two/versions/1')).toBe('11 by 1')
      expect(await answerOf(app, 'two')).toBe('12 by 2')
    }
    expect(await answerOf(app, 'two/versions/3')).toMatch(/^400 .*must export a function predict/)
  })
})

describe('models that grow after their load', () => {
  /** Takes so many MiB for good when it is asked for them, and answers a while later. */
  const growing = jsModel(`
    if (x.data[0] < 100) return [x.data[0]]
    globalThis.held = new Uint8Array(x.data[0] * 2 ** 20).fill(1)
    await new Promise((done) => setTimeout(done, 1500))
    return [x.data[0]]`)
  const start = (): Promise<TestApp> =>
    startTestApp({
      models: { 'a/1/model.mjs': addModel(1), 'b/1/model.mjs': addModel(2), 'hog/1/model.mjs': growing },
      flags: ['--serving.memory.budget-bytes', '400MiB'],
    })

  it('have idle ones make way, which come back when they are asked', async () => {
    await using app = await start()
    expect(loadsOf(app)).toBe(3)
    expect(await answerOf(app, 'b')).toBe('12 by 1')
    const grown = infer(app, 'hog', 150)
    await eventually('the one used least recently makes way', async () =>
      (await (await app.post('/v2/repository/index')).text()).includes('unloaded to make room') ? true : undefined,
    )
    expect((await grown)[0]).toBe(200)
    const { usedBytes, budgetBytes } = await memoryOf(app)
    expect(usedBytes).toBeGreaterThan(300 * mebibyte)
    expect(usedBytes).toBeLessThanOrEqual(budgetBytes)
    expect(await answerOf(app, 'b'), 'which stays').toBe('12 by 1')
    expect([loadsOf(app, 'a'), loadsOf(app, 'b')]).toEqual([1, 1])
    expect(await answerOf(app, 'a')).toBe('11 by 1')
    expect(loadsOf(app, 'a')).toBe(2)
    expect((await memoryOf(app)).usedBytes).toBeLessThanOrEqual(budgetBytes)
    expect(app.log.filter(({ level }) => level === 'warn' || level === 'error')).toEqual([])
  })

  it('are left alone in the midst of a request, which is told once', async () => {
    await using app = await start()
    const grown = infer(app, 'hog', 500)
    const overruns = (): number => app.log.filter(({ event }) => event === 'memory.budget_overrun').length
    await eventually('it is told', () => (overruns() === 1 ? true : undefined))
    await eventually('the others make way', async () => {
      const { usedBytes, budgetBytes } = await memoryOf(app)
      return usedBytes > budgetBytes && usedBytes < 500 * mebibyte + 150 * mebibyte ? true : undefined
    })
    expect(await answerOf(app, 'a')).toMatch(/^429 .*memory budget/)
    expect(await grown).toEqual([200, expect.stringContaining('500')])
    expect(await answerOf(app, 'a')).toBe('11 by 1')
    await eventually('it is met again', async () => {
      const { usedBytes, budgetBytes } = await memoryOf(app)
      return usedBytes <= budgetBytes ? true : undefined
    })
    expect(overruns()).toBe(1)
  })
})

describe('many models in the memory of some', () => {
  /** More of them: MEMORY_BUDGET_MODELS=200. */
  const count = Number(process.env['MEMORY_BUDGET_MODELS'] ?? 16)
  const rounds = 3

  it('all answer, within the budget, and those that are asked most stay', { timeout: 600_000 }, async () => {
    const random = seededRandom(11)
    const models = Object.fromEntries(Array.from({ length: count }, (_, i) => [`m${i}/1/model.mjs`, addModel(i)]))
    await using app = await startTestApp({ models, flags: ['--serving.memory.budget-bytes', '600MiB'] })
    const first = loadsOf(app)
    expect(first).toBeGreaterThan(3)
    expect(first).toBeLessThan(7)
    // Each once, then mostly the same two.
    const order = Array.from({ length: rounds * count }, (_, i) =>
      i < count ? i : random.chance(0.75) ? random.int(2) : 2 + random.int(count - 2),
    )
    const askedMost = order.filter((model) => model < 2).length
    const others = order.length - askedMost
    const wrong: string[] = []
    const most = await mostUsed(app, async () => {
      const client = async (): Promise<void> => {
        for (let i = order.shift(); i !== undefined; i = order.shift()) {
          const answer = await answerOf(app, `m${i}`)
          if (answer !== `${10 + i} by 1`) wrong.push(`m${i}: ${answer}`)
        }
      }
      await Promise.all([client(), client()])
    })
    expect(wrong).toEqual([])
    const { budgetBytes } = await memoryOf(app)
    expect(most).toBeLessThanOrEqual(budgetBytes)
    expect(most).toBeGreaterThan(budgetBytes / 2)
    const loadsOfMost = loadsOf(app, 'm0') + loadsOf(app, 'm1')
    expect(loadsOf(app) - loadsOfMost).toBeLessThanOrEqual(others + first)
    expect(loadsOfMost).toBeLessThan(askedMost / 3)
  })
})
