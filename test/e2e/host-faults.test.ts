import { execFileSync } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  addModel,
  allocationBombModel,
  buildOnnx,
  eventually,
  inferBody,
  jsModel,
  obedientModel,
  startTestApp,
} from '../../src/testing/index.ts'
import type { TestApp } from '../../src/testing/index.ts'
import { runSlipway } from './run-slipway.ts'

/** Processes that run a model host for this test process, oldest first. */
const hostsOf = (pid: number): number[] =>
  execFileSync('ps', ['-o', 'pid=,args=', '--ppid', String(pid)])
    .toString()
    .split('\n')
    .filter((line) => line.includes('host/main'))
    .map((line) => Number(line.trim().split(' ')[0]))

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

describe('a model that goes wrong hurts nobody else', () => {
  let app: TestApp

  beforeAll(async () => {
    app = await startTestApp({
      models: { 'bad/1/model.mjs': obedientModel(), 'good/1/model.mjs': addModel(1) },
      flags: [
        '--serving.host.run-timeout-ms',
        '2s',
        '--serving.host.memory-bytes-max',
        '400MiB',
        '--serving.host.crashes-max',
        '1000',
        '--serving.host.backoff-first-ms',
        '1ms',
      ],
    })
  })

  afterAll(() => app.stop())

  const infer = async (
    model: string,
    value: number,
  ): Promise<{ status: number; text: string; code: string | null }> => {
    const response = await app.post(`/v2/models/${model}/infer`, inferBody([value]))
    return { status: response.status, text: await response.text(), code: response.headers.get('slipway-error') }
  }

  const recovers = (): Promise<unknown> =>
    eventually('the model answers again', async () => ((await infer('bad', 5)).status === 200 ? true : undefined))

  const good = async (): Promise<void> => {
    const { status, text } = await infer('good', 41)
    expect(status, text).toBe(200)
    expect(JSON.parse(text)).toMatchObject({ outputs: [{ data: [42] }] })
  }

  it.each([
    [666, 'aborts', /SIGABRT(?!; its last words)/],
    [667, 'never returns', /a run took longer than 2000 ms/],
    [668, 'exits', /exited with code 7/],
    [669, 'takes memory without end', /beyond the limit of 400 MiB|heap out of memory|Array buffer allocation failed/],
  ])(
    'when a run with %d %s, its request is told why, the other model goes on, and the host comes back',
    async (value, _, reason) => {
      const failing = infer('bad', value)
      await good()
      const { status, text, code } = await failing
      expect(text).toMatch(reason)
      expect([500, 502]).toContain(status)
      expect(['host_crashed', 'model_failed']).toContain(code)
      await good()
      await recovers()
    },
  )

  it('when predict throws, the message reaches the caller and the host stays', async () => {
    await recovers()
    expect(await infer('bad', 670)).toMatchObject({
      status: 500,
      code: 'model_failed',
      text: expect.stringContaining('no such customer') as unknown,
    })
    expect(await infer('bad', 5)).toMatchObject({ status: 200 })
  })

  it('when predict answers too few values, that is said', async () => {
    expect(await infer('bad', 671)).toMatchObject({
      status: 500,
      text: expect.stringContaining('wrong output') as unknown,
    })
  })

  it('NaN in an answer is sent as the word', async () => {
    expect((await infer('bad', 673)).text).toContain('"data":[NaN]')
  })

  it('a model that prints much neither stalls nor fills the log', async () => {
    expect(await infer('bad', 672)).toMatchObject({ status: 200 })
    await good()
    const printed = app.log.filter(
      ({ event, fields }) => event === 'host.output' && /noise/.test(String(fields['text'])),
    )
    expect(printed.length).toBeGreaterThan(100)
    expect(printed.length).toBeLessThanOrEqual(1000)
    for (const { fields } of printed) expect(fields).toMatchObject({ model: expect.any(String) as unknown, version: 1 })
  })

  it.each(['SIGKILL', 'SIGSTOP'] as const)('a host that gets %s from outside is replaced', async (signal) => {
    await recovers()
    const hosts = hostsOf(process.pid)
    for (const pid of hosts) process.kill(pid, signal)
    if (signal === 'SIGSTOP') await infer('bad', 5)
    await recovers()
    await eventually('the other model answers', async () =>
      (await infer('good', 1)).status === 200 ? true : undefined,
    )
    expect(hostsOf(process.pid).some((pid) => hosts.includes(pid))).toBe(false)
  })

  it('leaves no process behind when the server stops', async () => {
    await recovers()
    const hosts = hostsOf(process.pid)
    expect(hosts.length).toBe(2)
    await app.stop()
    expect(hosts.filter(isAlive)).toEqual([])
  })
})

describe('a file of a few hundred bytes whose graph makes what a request asks for', () => {
  it('fails that request alone, whether the memory is not there or more than its host may have', async () => {
    await using app = await startTestApp({
      models: { 'bomb/1/model.onnx': buildOnnx(allocationBombModel()), 'good/1/model.mjs': addModel(1) },
      flags: ['--serving.host.memory-bytes-max', '400MiB', '--serving.host.backoff-first-ms', '1ms'],
    })
    const make = async (rows: number): Promise<{ status: number; error?: string }> => {
      const inputs = [{ name: 'shape', datatype: 'INT64', shape: [2], data: [rows, 4] }]
      const outputs = [{ name: 'output', parameters: { binary_data: true } }]
      const response = await app.post('/v2/models/bomb/infer', { inputs, outputs })
      if (response.ok) return { status: response.status }
      return { status: response.status, error: ((await response.json()) as { error: string }).error }
    }
    const good = async (): Promise<number> => (await app.post('/v2/models/good/infer', inferBody([1]))).status
    const recovers = (): Promise<unknown> =>
      eventually('the model answers again', async () => ((await make(3)).status === 200 ? true : undefined))
    const growing = make(2 ** 27)
    expect(await good()).toBe(200)
    expect(await growing).toMatchObject({
      status: 502,
      error: expect.stringMatching(/beyond the limit of 400 MiB/) as unknown,
    })
    expect(await good()).toBe(200)
    await recovers()
    expect(await make(2 ** 34)).toMatchObject({
      status: 400,
      error: expect.stringMatching(/Failed to allocate memory/) as unknown,
    })
    expect(await good()).toBe(200)
    // The runtime would take much more than it needs from then on: its host is replaced.
    await eventually('the host is replaced', () =>
      app.log.some(({ event, fields }) => event === 'host.recycled' && fields['reason'] === 'an allocation failed')
        ? true
        : undefined,
    )
    await recovers()
  })
})

describe('a model that takes memory without end while it loads', () => {
  const growing = `const held = []
export const signature = { inputs: [], outputs: [] }
for (;;) { held.push(new Uint8Array(16 * 1024 * 1024).fill(1)); await new Promise(setImmediate) }`

  it('is ended at the limit of a host, or at its own, with the reason, and its earlier version goes on', async () => {
    await using app = await startTestApp({
      models: { 'm/1/model.mjs': addModel(1), 'own/1/model.mjs': addModel(1) },
      flags: ['--serving.host.memory-bytes-max', '500MiB'],
    })
    app.write('m/2/model.mjs', growing)
    app.write('own/2/model.mjs', growing)
    app.write('own/config.pbtxt', 'parameters { key: "memory_bytes_max" value { string_value: "300000000" } }')
    const load = async (model: string): Promise<string> => {
      const response = await app.post(`/v2/repository/models/${model}/load`)
      expect(response.status).toBe(400)
      return response.text()
    }
    expect(await load('m')).toMatch(/memory of \d+ MiB is beyond the limit of 500 MiB/)
    expect(await load('own')).toMatch(/memory of \d+ MiB is beyond the limit of 286 MiB/)
    for (const model of ['m', 'own'])
      expect((await app.post(`/v2/models/${model}/infer`, inferBody([1]))).status, model).toBe(200)
  })
})

describe('a version that crashes again and again', () => {
  it('is quarantined after three crashes a minute, which the API, the index and the log explain', async () => {
    await using app = await startTestApp({
      models: { 'bad/1/model.mjs': obedientModel() },
      flags: ['--serving.host.backoff-first-ms', '1ms'],
    })
    for (let crash = 0; crash < 3; crash++) {
      await eventually('the model answers', async () =>
        (await app.post('/v2/models/bad/infer', inferBody([1]))).status === 200 ? true : undefined,
      )
      await app.post('/v2/models/bad/infer', inferBody([666]))
    }
    const why = /quarantined after 3 crashes within 60 s; the last: ended by SIGABRT/
    const response = await app.post('/v2/models/bad/infer', inferBody([1]))
    expect(response.status).toBe(503)
    expect(await response.text()).toMatch(why)
    expect([response.headers.get('slipway-error'), response.headers.get('retry-after')]).toEqual([
      'model_unavailable',
      null,
    ])
    const index = (await (await app.post('/v2/repository/index')).json()) as { state: string; reason: string }[]
    expect(index).toMatchObject([{ state: 'UNAVAILABLE', reason: expect.stringMatching(why) as unknown }])
    expect((await app.fetch('/v2/models/bad/ready')).status).toBe(503)
    for (const path of ['/v2/models/bad', '/v2/models/bad/versions/1']) {
      expect(await (await app.fetch(path)).json()).toMatchObject({ name: 'bad', versions: [], inputs: [{ name: 'x' }] })
      expect(await (await app.fetch(`${path}/config`)).json()).toMatchObject({ name: 'bad', backend: 'js' })
    }
    expect((await app.fetch('/v2/health/ready')).status, 'one model takes down no server').toBe(200)
    expect(app.log.filter((line) => line.event === 'host.crashed').map((line) => line.fields['next'])).toEqual([
      'restart',
      'restart',
      'quarantine',
    ])
    const metrics = await (await app.fetch('/metrics')).text()
    expect(metrics).toContain('slipway_host_crashes_total{model="bad",version="1"} 3')
    expect(metrics).toContain('slipway_version_ready{model="bad",version="1"} 0')
    const listed = (await runSlipway(app, ['models'])).out
    expect(listed).toMatch(
      /^bad +1 +unavailable +js .*quarantined after 3 crashes within 60 s; the last: ended by SIGABRT/m,
    )
    expect((await runSlipway(app, ['models', 'show', 'bad'])).out).toMatch(
      /version 1 {2}unavailable: quarantined after 3/,
    )
    expect(await runSlipway(app, ['doctor'])).toMatchObject({
      code: 1,
      out: expect.stringMatching(/^✗ server at .*: bad version 1: quarantined after 3 crashes/m) as unknown,
    })
    await app.post('/v2/repository/models/bad/load')
    expect((await app.post('/v2/models/bad/infer', inferBody([1]))).status, 'a load brings it back').toBe(200)
  })
})

describe('a run that nobody waits for any more', () => {
  it('is ended soon after its callers were told, unlike one that somebody waits for', async () => {
    await using app = await startTestApp({
      models: {
        'bad/1/model.mjs': obedientModel(),
        'slow/1/model.mjs': jsModel('await new Promise((done) => setTimeout(done, 1500)); return Array.from(x.data)'),
      },
      flags: ['--serving.host.abandoned-run-timeout-ms', '500ms', '--serving.deadline.default-ms', '500ms'],
    })
    const slow = app.fetch('/v2/models/slow/infer', {
      method: 'POST',
      headers: { 'slipway-timeout-ms': '30000' },
      body: JSON.stringify(inferBody([1])),
    })
    const given = await app.post('/v2/models/bad/infer', inferBody([667]))
    expect(given.status).toBe(504)
    await eventually('the model answers again', async () =>
      (await app.post('/v2/models/bad/infer', inferBody([5]))).status === 200 ? true : undefined,
    )
    const crash = app.log.find((line) => line.event === 'host.crashed')
    expect(crash?.fields).toMatchObject({
      model: 'bad',
      reason: expect.stringContaining('nobody waits for it') as unknown,
    })
    expect((await slow).status).toBe(200)
    expect(app.log.filter((line) => line.event === 'host.crashed')).toHaveLength(1)
  })

  it('with the defaults, holds its host no longer than its caller waited', { timeout: 40_000 }, async () => {
    await using app = await startTestApp({ models: { 'bad/1/model.mjs': obedientModel() } })
    expect((await app.post('/v2/models/bad/infer', inferBody([667]))).status).toBe(504)
    // Waits in the queue for the next host, well within its own deadline.
    expect((await app.post('/v2/models/bad/infer', inferBody([5]))).status).toBe(200)
  })
})

describe('a host that grows', () => {
  it('is replaced without a failed request before it reaches its limit', async () => {
    const leaking = `const held = []
export const signature = { inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 1] }], outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 1] }] }
export const batched = true
export const predict = ({ x }) => { held.push(new Uint8Array(4 * 1024 * 1024).fill(1)); return { y: Array.from(x.data) } }`
    await using app = await startTestApp({
      models: { 'leaky/1/model.mjs': leaking },
      flags: ['--serving.host.memory-bytes-recycle', '200MiB', '--serving.host.memory-bytes-max', '3GiB'],
    })
    const first = hostsOf(process.pid)
    await eventually('the host is replaced', async () => {
      expect((await app.post('/v2/models/leaky/infer', inferBody([1]))).status).toBe(200)
      const hosts = hostsOf(process.pid)
      return hosts.length === 1 && hosts[0] !== first[0] ? true : undefined
    })
    expect(app.log.some((line) => line.event === 'host.recycled')).toBe(true)
  })
})
