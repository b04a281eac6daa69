import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { addModel, eventually, inferBody, seededRandom, startTestApp } from '../../src/testing/index.ts'
import type { TestApp } from '../../src/testing/index.ts'
import { hosts } from './hosts.ts'
import { memoryOf } from './memory-of.ts'

/** Takes this long to load. */
const slowToLoad = (ms: number, amount: number): string =>
  `await new Promise((done) => setTimeout(done, ${ms}))\n${addModel(amount)}`

const infer = (app: TestApp, model: string, init: RequestInit = {}): Promise<Response> =>
  app.fetch(`/v2/models/${model}/infer`, { method: 'POST', body: JSON.stringify(inferBody([10])), ...init })

const answerOf = async (app: TestApp, model: string): Promise<unknown> => {
  const body = (await (await infer(app, model)).json()) as { outputs?: { data: number[] }[]; error?: string }
  return body.outputs?.[0]?.data[0] ?? body.error
}

interface IndexRow {
  readonly name: string
  readonly version: string
  readonly state: string
  readonly reason: string
}

const indexOf = async (app: TestApp): Promise<IndexRow[]> =>
  (await (await app.post('/v2/repository/index')).json()) as IndexRow[]

const load = (app: TestApp, model: string, parameters: Readonly<Record<string, unknown>> = {}): Promise<Response> =>
  app.post(`/v2/repository/models/${model}/load`, { parameters })

const base64 = (text: string): string => Buffer.from(text).toString('base64')
const jsConfig = '{"backend":"js"}'

const oneModel = ['--serving.memory.budget-bytes', '110MiB']

/** A server with room for one of its two models: b, slow to load, had to make way for a. */
const startPair = async (flags: readonly string[] = [], config = ''): Promise<TestApp> => {
  const app = await startTestApp({
    models: { 'a/1/model.mjs': addModel(1), 'b/1/model.mjs': slowToLoad(600, 2), 'b/config.pbtxt': config },
    flags: ['--model-control', 'explicit', ...oneModel, ...flags],
  })
  for (const model of ['b', 'a']) expect((await load(app, model)).status).toBe(200)
  expect(await answerOf(app, 'a')).toBe(11)
  return app
}

const expectWithinBudget = async (app: TestApp): Promise<void> => {
  const { usedBytes, budgetBytes } = await memoryOf(app)
  expect(usedBytes).toBeLessThanOrEqual(budgetBytes)
}

const loadsOf = (app: TestApp, model: string): number =>
  app.log.filter((line) => line.event === 'model.ready' && line.fields['model'] === model).length

it('statistics of a model that was unloaded for room are none, and no reason to load it', async () => {
  await using app = await startPair()
  const stats = await app.fetch('/v2/models/b/stats')
  expect([stats.status, await stats.json()]).toEqual([200, { model_stats: [] }])
  expect((await app.fetch('/v2/models/b/versions/7/stats')).status).toBe(404)
  expect([loadsOf(app, 'a'), loadsOf(app, 'b')]).toEqual([1, 1])
})

describe('a start with less memory than the models need', () => {
  it('loads until the budget is used, once each, and the rest when they are asked for', async () => {
    const models = Object.fromEntries(Array.from({ length: 6 }, (_, i) => [`m${i}/1/model.mjs`, addModel(i)]))
    await using app = await startTestApp({ models, flags: ['--serving.memory.budget-bytes', '200MiB'] })
    const loaded = app.log.filter((line) => line.event === 'model.ready').length
    const rows = await indexOf(app)
    expect(rows.filter((row) => row.state === 'READY').length).toBe(loaded)
    expect(loaded).toBeGreaterThan(0)
    expect(loaded).toBeLessThan(6)
    const others = rows.filter((row) => row.state !== 'READY')
    expect(new Set(others.map((row) => `${row.state} ${row.reason}`))).toEqual(
      new Set(['UNAVAILABLE the memory budget is used; the next request loads it']),
    )
    expect(app.log.filter((line) => line.level === 'error')).toEqual([])
    await expectWithinBudget(app)
    for (const row of others) {
      expect((await app.fetch(`/v2/models/${row.name}/ready`)).status).toBe(200)
      expect(await answerOf(app, row.name)).toBe(10 + Number(row.name.slice(1)))
      await expectWithinBudget(app)
    }
  })

  it('still says when a model fits in no way', async () => {
    const models = { 'a/1/model.mjs': addModel(1), 'big/1/model.mjs': `${addModel(2)}\n//${'x'.repeat(60 * 2 ** 20)}` }
    await using app = await startTestApp({ models, flags: oneModel })
    expect((await indexOf(app)).find((row) => row.name === 'big')?.reason).toMatch(/memory budget of \d+ bytes/)
    expect(await answerOf(app, 'a')).toBe(11)
  })
})

describe('requests that wait for a load', () => {
  it('are bounded by the queue of the model, and the others are answered by the one load', async () => {
    await using app = await startPair(['--serving.queue.depth-max', '4'])
    const answers = await Promise.all(Array.from({ length: 10 }, () => infer(app, 'b')))
    const refused = answers.filter((answer) => answer.status === 429)
    expect(answers.filter((answer) => answer.status === 200).length).toBe(4)
    expect(refused.length).toBe(6)
    expect(refused.map((answer) => answer.headers.get('slipway-error'))).toContain('queue_full')
    expect(loadsOf(app, 'b')).toBe(2)
  })

  it('are bounded by the max_queue_size of the model', async () => {
    const config = 'max_batch_size: 4 dynamic_batching { default_queue_policy { max_queue_size: 2 } }'
    await using app = await startPair([], config)
    const statuses = (await Promise.all(Array.from({ length: 6 }, () => infer(app, 'b')))).map(({ status }) => status)
    expect(statuses.toSorted((a, b) => a - b)).toEqual([200, 200, 429, 429, 429, 429])
  })
})

describe('a request that can not wait for the load', () => {
  it('is answered 504 at its deadline, while the load goes on for the others', async () => {
    await using app = await startPair()
    const patient = infer(app, 'b')
    const startedAt = performance.now()
    const late = await infer(app, 'b', { headers: { 'slipway-timeout-ms': '50' } })
    expect([late.status, late.headers.get('slipway-error')]).toEqual([504, 'deadline_exceeded'])
    expect(performance.now() - startedAt).toBeLessThan(400)
    expect((await patient).status).toBe(200)
    expect(loadsOf(app, 'b')).toBe(2)
  })

  it('is answered 504 at its deadline where tables are scored, and 429 where others wait', async () => {
    await using app = await startPair(['--serving.queue.depth-max', '1'])
    const root = '/api/slipway/v1/models/b'
    const score = (path: string, timeoutMs: number, signal?: AbortSignal): Promise<Response> =>
      app.fetch(`${root}/${path}`, {
        method: 'POST',
        body: JSON.stringify(path === 'predict' ? { data: [[10]] } : { inputs: [[10]] }),
        headers: { 'content-type': 'application/json', 'slipway-timeout-ms': String(timeoutMs) },
        ...(signal === undefined ? {} : { signal }),
      })
    for (const path of ['predict', 'invocations']) {
      const late = await score(path, 50)
      expect([late.status, late.headers.get('slipway-error')]).toEqual([504, 'deadline_exceeded'])
    }
    const leaving = new AbortController()
    const left = score('predict', 10_000, leaving.signal).catch(() => 'left')
    await eventually('it waits', async () => ((await score('predict', 10_000)).status === 429 ? true : undefined))
    leaving.abort()
    expect(await left).toBe('left')
    await eventually('it is answered', async () => ((await score('predict', 10_000)).status === 200 ? true : undefined))
    expect(loadsOf(app, 'b')).toBe(2)
  })

  it('gives its place back when its client leaves', async () => {
    await using app = await startPair(['--serving.queue.depth-max', '1'])
    const leaving = new AbortController()
    const left = infer(app, 'b', { signal: leaving.signal }).catch(() => 'left')
    await eventually('it waits', async () => ((await infer(app, 'b')).status === 429 ? true : undefined))
    leaving.abort()
    expect(await left).toBe('left')
    const loadsBefore = await eventually('its place is free', async () => {
      const loads = loadsOf(app, 'b')
      return (await infer(app, 'b')).status === 200 ? loads : undefined
    })
    expect(loadsBefore, 'the place was free before the load had ended').toBe(1)
  })
})

describe('a start after a crash', () => {
  it('removes uploads that were in the making, and puts back a model that had made way', async () => {
    const root = mkdtempSync(join(tmpdir(), 'slipway-crash-'))
    const uploads = join(root, 'models')
    for (const path of ['.new-x/m/1', '.replaced-y/n/1']) {
      mkdirSync(join(uploads, path), { recursive: true })
      writeFileSync(join(uploads, path, 'model.mjs'), addModel(3))
    }
    {
      await using app = await startTestApp({ flags: ['--data-dir', root] })
      expect(await answerOf(app, 'n')).toBe(13)
      expect(readdirSync(uploads)).toEqual(['n'])
    }
    rmSync(root, { recursive: true })
  })
})

describe('files in a load request', () => {
  it('that do not load change neither what serves nor what is on disk', async () => {
    await using app = await startTestApp({})
    const uploads = join(app.dataDir, 'models')
    expect((await load(app, 'm', { config: jsConfig, 'file:1/model.mjs': base64(addModel(1)) })).status).toBe(200)
    const broken = await load(app, 'm', {
      config: '{"backend":"js","version_policy":{"all":{}}}',
      'file:1/model.mjs': base64(addModel(5)),
      'file:2/model.mjs': base64('export const nothing = 1'),
    })
    expect(broken.status).toBe(400)
    expect(await broken.text()).toMatch(/must export a function predict/)
    expect(await answerOf(app, 'm')).toBe(11)
    expect(await indexOf(app)).toMatchObject([{ name: 'm', version: '1', state: 'READY', reason: '' }])
    expect([readdirSync(uploads), readdirSync(join(uploads, 'm'))]).toEqual([['m'], ['1']])
    await eventually('only one host is left', () => (hosts().length === 1 ? true : undefined))
    expect((await load(app, 'm')).status).toBe(200)
    expect(await answerOf(app, 'm')).toBe(11)
  })

  it('that do not load leave no model where there was none', async () => {
    await using app = await startTestApp({})
    expect((await load(app, 'm', { config: jsConfig, 'file:1/model.mjs': base64('nonsense(') })).status).toBe(400)
    expect(await indexOf(app)).toEqual([])
    expect((await infer(app, 'm')).status).toBe(404)
    expect((await load(app, 'nothing')).status).toBe(400)
    expect(await indexOf(app)).toEqual([])
  })

  it('are where a host that crashed finds them', async () => {
    await using app = await startTestApp({})
    const crashing = `import { amount } from './part.mjs'\n${addModel(0).replace('value + 0', 'value === 66 ? process.exit(7) : value + amount')}`
    const files = { 'file:3/model.mjs': base64(crashing), 'file:3/part.mjs': base64('export const amount = 4') }
    expect((await load(app, 'm', { config: jsConfig, ...files })).status).toBe(200)
    expect(await answerOf(app, 'm')).toBe(14)
    expect((await app.post('/v2/models/m/infer', inferBody([66]))).status).toBe(502)
    await eventually('the host is back', async () => ((await answerOf(app, 'm')) === 14 ? true : undefined))
    expect(existsSync(join(app.dataDir, 'models', 'm', '3', 'part.mjs'))).toBe(true)
  })

  it('with swap resource: the earlier version comes back when they do not load', async () => {
    await using app = await startTestApp({ flags: ['--serving.swap', 'resource'] })
    expect((await load(app, 'm', { config: jsConfig, 'file:1/model.mjs': base64(addModel(1)) })).status).toBe(200)
    expect((await load(app, 'm', { config: jsConfig, 'file:1/model.mjs': base64('nonsense(') })).status).toBe(400)
    expect(await answerOf(app, 'm')).toBe(11)
  })

  it('are refused for a model that an operator keeps, instead of being overlooked', async () => {
    await using app = await startTestApp({ models: { 'm/1/model.mjs': addModel(1) } })
    const response = await load(app, 'm', { config: jsConfig, 'file:1/model.mjs': base64(addModel(5)) })
    expect([response.status, response.headers.get('slipway-error')]).toEqual([409, 'conflict'])
    expect(await answerOf(app, 'm')).toBe(11)
  })
})

describe('changes and requests at once', () => {
  const names = ['m0', 'm1', 'm2', 'm3', 'm4']
  const clear = new Set([400, 404, 409, 429, 503])

  it.each([
    ['plenty of memory', []],
    ['memory for two or three', ['--serving.memory.budget-bytes', '200MiB']],
  ])('end with what was asked for last, with %s', async (_, flags) => {
    const random = seededRandom(7)
    const models = Object.fromEntries(names.map((name, i) => [`${name}/1/model.mjs`, addModel(i)]))
    await using app = await startTestApp({ models, flags: ['--model-control', 'explicit', ...flags] })
    const last = new Map<string, string>()
    const strange: string[] = []
    const counts = { infer: 0, load: 0, unload: 0 }
    let left = 200
    const worker = async (): Promise<void> => {
      while (left-- > 0) {
        const name = random.pick(names)
        const doing = random.pick(['infer', 'infer', 'load', 'unload'] as const)
        const response =
          doing === 'infer' ? await infer(app, name) : await app.post(`/v2/repository/models/${name}/${doing}`)
        if (response.status === 200) counts[doing] += 1
        else if (!clear.has(response.status)) strange.push(`${doing} ${name}: ${response.status}`)
        const body = await response.text()
        if (doing === 'infer' && response.status === 200)
          expect(JSON.parse(body)).toMatchObject({ outputs: [{ data: [10 + Number(name.slice(1))] }] })
      }
    }
    await Promise.all(Array.from({ length: 8 }, worker))
    expect(strange).toEqual([])
    expect(Math.min(...Object.values(counts)), JSON.stringify(counts)).toBeGreaterThan(0)
    for (const name of names) last.set(name, random.pick(['load', 'unload']))
    last.set('m0', 'load').set('m1', 'unload')
    await Promise.all([...last].map(([name, doing]) => app.post(`/v2/repository/models/${name}/${doing}`)))
    for (const [name, doing] of last) {
      const answer = await answerOf(app, name)
      if (doing === 'load') expect(answer).toBe(10 + Number(name.slice(1)))
      else expect(answer).toBe(`model '${name}' is not ready: unloaded`)
    }
    for (const name of names) expect((await app.post(`/v2/repository/models/${name}/unload`)).status).toBe(200)
    await eventually('every host has ended', () => (hosts().length === 0 ? true : undefined))
    await eventually('every model is seen to be gone', async () =>
      (await indexOf(app)).every((row) => row.state === 'UNAVAILABLE') ? true : undefined,
    )
  })

  it('loads with files of one model end with one of them, the same in memory and on disk', async () => {
    await using app = await startTestApp({})
    const loads = Array.from({ length: 6 }, (_, i) =>
      load(app, 'm', {
        config: jsConfig,
        [`file:${1 + (i % 3)}/model.mjs`]: base64(i === 4 ? 'nonsense(' : addModel(i)),
      }),
    )
    const statuses = (await Promise.all(loads)).map((response) => response.status)
    expect(statuses).toEqual([200, 200, 200, 200, 400, 200])
    const answer = await answerOf(app, 'm')
    expect(readdirSync(join(app.dataDir, 'models'))).toEqual(['m'])
    const [version = ''] = readdirSync(join(app.dataDir, 'models', 'm'))
    expect(readFileSync(join(app.dataDir, 'models', 'm', version, 'model.mjs'), 'utf8')).toBe(
      addModel(Number(answer) - 10),
    )
    await eventually('one host is left', () => (hosts().length === 1 ? true : undefined))
  })
})
