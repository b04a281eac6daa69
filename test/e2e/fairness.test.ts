import { describe, expect, it } from 'vitest'
import { addModel, eventually, inferBody, jsModel, startTestApp } from '../../src/testing/index.ts'
import type { TestApp } from '../../src/testing/index.ts'

const wide = JSON.stringify({ inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, -1] }] })

/** A row of so many values: with 100,000 its JSON is read for tens of milliseconds, and written for longer. */
const rowOf = (values: number): string => {
  const data = Array.from({ length: values }, (_, index) => index / 7)
  return JSON.stringify({ inputs: [{ name: 'x', datatype: 'FP32', shape: [1, values], data }] })
}

const statusOf = async (answer: Promise<Response>): Promise<number> => {
  const response = await answer
  await response.arrayBuffer()
  return response.status
}

const inferring = async (app: TestApp, requests: number): Promise<void> => {
  const pattern = new RegExp(`slipway_in_flight\\{[^}]*\\} ${requests}\\n`)
  await eventually('they are inside', async () =>
    pattern.test(await (await app.fetch('/metrics')).text()) ? true : undefined,
  )
}

describe('large JSON of one model', () => {
  it.each([
    ['as large, of another', 100_000, 6],
    ['of middle size, of another', 10_000, 3],
    ['small, of another', 1, 3],
  ])('does not hold up a request %s', async (_, values, before) => {
    await using app = await startTestApp({ models: { 'flood/1/model.echo.json': wide, 'm/1/model.echo.json': wide } })
    const infer = (model: string, body: string): Promise<number> =>
      statusOf(app.fetch(`/v2/models/${model}/infer`, { method: 'POST', body }))
    const [large, asked] = [rowOf(100_000), rowOf(values)]
    // So that the threads have been started.
    expect(await Promise.all([infer('flood', large), infer('m', rowOf(10_000))])).toEqual([200, 200])
    let answered = 0
    const flood = Array.from({ length: 16 }, () =>
      infer('flood', large).then((status) => {
        answered += 1
        return status
      }),
    )
    expect(await infer('m', asked)).toBe(200)
    expect(answered).toBeLessThanOrEqual(before)
    expect(new Set(await Promise.all(flood))).toEqual(new Set([200]))
  })
})

describe('a load that takes long', () => {
  it('does not hold up the load of another model that requests wait for', async () => {
    const models = Object.fromEntries(Array.from({ length: 6 }, (_, i) => [`m${i}/1/model.mjs`, addModel(i)]))
    const held = `await new Promise((done) => setTimeout(done, 4000))\n${addModel(9)}`
    const oneAtATime = ['--serving.load-parallelism', '1']
    const named = Object.keys(models).flatMap((path) => ['--load-model', path.slice(0, 2)])
    await using app = await startTestApp({
      models: { ...models, 'held/1/model.mjs': held },
      flags: ['--model-control', 'explicit', ...named, ...oneAtATime, '--serving.memory.budget-bytes', '300MiB'],
    })
    const index = (await (await app.post('/v2/repository/index')).json()) as { name: string; state: string }[]
    const waiting = index.find(({ name, state }) => name !== 'held' && state !== 'READY')
    if (waiting === undefined) throw new Error('every model had room')
    let loaded = false
    const load = statusOf(app.post('/v2/repository/models/held/load')).then((status) => {
      loaded = true
      return status
    })
    await eventually('it loads', async () => {
      const rows = (await (await app.post('/v2/repository/index')).json()) as typeof index
      return rows.find(({ name }) => name === 'held')?.state === 'LOADING' ? true : undefined
    })
    expect(await statusOf(app.post(`/v2/models/${waiting.name}/infer`, inferBody([1])))).toBe(200)
    expect(loaded).toBe(false)
    expect(await load).toBe(200)
  })
})

describe('a full queue', () => {
  it('makes room for urgent requests at the cost of others', async () => {
    await using app = await startTestApp({
      models: {
        'm/1/model.mjs': jsModel('await new Promise((done) => setTimeout(done, 300)); return Array.from(x.data)'),
        'm/config.pbtxt': 'max_batch_size: 1 dynamic_batching { priority_levels: 2 default_priority_level: 2 }',
      },
      flags: ['--serving.queue.depth-max', '3'],
    })
    const infer = (priority: number): Promise<number> =>
      statusOf(app.post('/v2/models/m/infer', inferBody([1], { parameters: { priority } })))
    const running = infer(2)
    await inferring(app, 1)
    const usual = [infer(2), infer(2), infer(2)]
    await inferring(app, 4)
    const urgent = infer(1)
    expect(await Promise.race([...usual, urgent])).toBe(429)
    expect(await infer(2)).toBe(429)
    expect([await running, await urgent]).toEqual([200, 200])
    expect(await Promise.all(usual)).toEqual([200, 200, 429])
  })
})
