import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { addModel, eventually, inferBody, jsModel, startTestApp } from '../../src/testing/index.ts'
import type { TestApp } from '../../src/testing/index.ts'
import { openGrpcClient } from './grpc-client.ts'
import { describeWithPython, pythonFlags, pythonModel } from './test-python.ts'

const restarts = ['--serving.host.crashes-max', '1000', '--serving.host.backoff-first-ms', '1ms']

interface VersionRow {
  readonly state: string
  readonly reason: string
  readonly lastCrash: string
}

const versionOf = async (app: TestApp, model: string): Promise<VersionRow | undefined> => {
  const view = (await (await app.fetch(`/api/slipway/v1/models/${model}`)).json()) as { versions: VersionRow[] }
  return view.versions[0]
}

const crashesOf = (app: TestApp, model: string): Readonly<Record<string, unknown>>[] =>
  app.log
    .filter(({ event, fields }) => event === 'host.crashed' && fields['model'] === model)
    .map((line) => line.fields)

/** Has the host of `bad` die, and looks for the reason wherever it is told. */
const expectDeath = async (app: TestApp, value: number, reason: string): Promise<void> => {
  const known = crashesOf(app, 'bad').length
  const response = await app.post('/v2/models/bad/infer', inferBody([value], { id: `death-${value}` }))
  const { error } = (await response.json()) as { error: string }
  expect([response.status, response.headers.get('slipway-error')]).toEqual([502, 'host_crashed'])
  expect(error).toBe(`model 'bad': its host stopped during the run (${reason})`)
  const crash = await eventually('it is logged', () => crashesOf(app, 'bad')[known])
  expect(crash).toMatchObject({ next: 'restart', requests: 1, requestIds: [`death-${value}`], reason })
  expect((await versionOf(app, 'bad'))?.lastCrash).toBe(reason)
  await eventually('the model answers again', async () =>
    (await app.post('/v2/models/bad/infer', inferBody([1]))).status === 200 ? true : undefined,
  )
  expect(await versionOf(app, 'bad')).toMatchObject({ state: 'ready', reason: '', lastCrash: reason })
  const client = openGrpcClient(app)
  const answer = await client.infer('bad', value)
  client.close()
  expect(answer).toMatchObject({ code: 14, details: error, metadata: { 'slipway-error': 'host_crashed' } })
  expect((await app.post('/v2/models/good/infer', inferBody([1]))).status).toBe(200)
}

describe('a host in Node', () => {
  let app: TestApp
  beforeAll(async () => {
    const bad = jsModel(`
      const [value] = x.data
      if (value === 601) process.abort()
      if (value === 602) { process.kill(process.pid, 'SIGSEGV'); await new Promise(() => {}) }
      return [value]`)
    app = await startTestApp({ models: { 'bad/1/model.mjs': bad, 'good/1/model.mjs': addModel(1) }, flags: restarts })
  })
  afterAll(() => app.stop())

  it.each([
    [601, 'aborts', 'ended by SIGABRT'],
    [602, 'is ended as one that reads where nothing is', 'ended by SIGSEGV'],
  ])('that on %d %s tells so in the reply, the API and the log', async (value, _, reason) => {
    await expectDeath(app, value, reason)
  })
})

describeWithPython('a host in Python', () => {
  let app: TestApp
  beforeAll(async () => {
    const bad = pythonModel(`
import ctypes
if x[0, 0] == 601: ctypes.CDLL("libstdc++.so.6")._ZSt20__throw_out_of_rangePKc(b"no such leaf")
if x[0, 0] == 602: ctypes.CDLL("libstdc++.so.6")._ZSt9terminatev()
if x[0, 0] == 603: ctypes.string_at(0)
return x`)
    app = await startTestApp({
      models: { 'bad/1/model.py': bad, 'good/1/model.mjs': addModel(1) },
      flags: [...restarts, ...pythonFlags],
    })
  })
  afterAll(() => app.stop())

  it.each([
    [
      601,
      'throws in C++ what nobody catches',
      "ended by SIGABRT; its last words: terminate called after throwing an instance of 'std::out_of_range' | what():  no such leaf",
    ],
    [602, 'terminates in C++', 'ended by SIGABRT; its last words: terminate called without an active exception'],
    [603, 'reads where nothing is', 'ended by SIGSEGV; its last words: Fatal Python error: Segmentation fault'],
  ])('that on %d %s tells so in the reply, the API and the log', async (value, _, reason) => {
    await expectDeath(app, value, reason)
  })
})

describe('a host whose memory runs away while nobody asks it for anything', () => {
  afterEach(() => void vi.restoreAllMocks())

  it('is ended at its limit, started again after longer and longer pauses, and then left alone with the reason', async () => {
    // The longest pauses that chance may give.
    vi.spyOn(Math, 'random').mockReturnValue(0.999)
    const growing = `const held = []
setTimeout(() => setInterval(() => held.push(new Uint8Array(8 * 1024 * 1024).fill(1)), 10), 200)
${addModel(1)}`
    await using app = await startTestApp({
      models: { 'grows/1/model.mjs': growing, 'good/1/model.mjs': addModel(1) },
      flags: [
        '--serving.host.memory-bytes-max',
        '300MiB',
        '--serving.host.crashes-max',
        '4',
        '--serving.host.backoff-first-ms',
        '2s',
      ],
    })
    const reason = /^its memory of \d+ MiB is beyond the limit of 300 MiB$/
    const times: number[] = []
    for (let count = 1; count <= 4; count++) {
      await eventually(`crash ${count}`, () => crashesOf(app, 'grows')[count - 1], 60_000)
      times.push(performance.now())
      expect((await versionOf(app, 'grows'))?.lastCrash).toMatch(reason)
      expect((await app.post('/v2/models/good/infer', inferBody([1]))).status).toBe(200)
    }
    const crashes = crashesOf(app, 'grows')
    expect(crashes.map(({ next }) => next)).toEqual(['restart', 'restart', 'restart', 'quarantine'])
    for (const crash of crashes) expect(crash).toMatchObject({ reason: expect.stringMatching(reason), requests: 0 })
    const [, second = 0, third = 0, fourth = 0] = times
    expect(third - second).toBeGreaterThan(1900)
    expect(fourth - third).toBeGreaterThan(3900)
    const why = /^quarantined after 4 crashes within 60 s; the last: its memory of \d+ MiB is beyond the limit/
    expect(await versionOf(app, 'grows')).toMatchObject({
      state: 'unavailable',
      reason: expect.stringMatching(why) as unknown,
    })
    const asked = await app.post('/v2/models/grows/infer', inferBody([1]))
    expect([asked.status, asked.headers.get('slipway-error')]).toEqual([503, 'model_unavailable'])
    expect(await asked.text()).toMatch(/beyond the limit of 300 MiB/)
  }, 90_000)
})
