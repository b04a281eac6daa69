import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { addModel, eventually, inferBody, jsModel, obedientModel, startTestApp } from '../../src/testing/index.ts'
import type { TestApp } from '../../src/testing/index.ts'

let app: TestApp

/** Values by series as it is written, `name{label="value"}`. */
type Scrape = ReadonlyMap<string, number>

const sample = /^([a-z_]+(?:\{(?:[a-z]+="(?:[^"\\]|\\.)*",?)+\})?) ([-+]?(?:\d[\d.e+-]*|Inf)|NaN)$/

const scrape = async (): Promise<Scrape> => {
  const text = await (await app.fetch('/metrics')).text()
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(
    lines.map((line) => {
      const [, series, value] = sample.exec(line) ?? []
      if (series === undefined) throw new Error(`not a sample: ${line}`)
      return [series, Number(value)]
    }),
  )
}

/** What was counted between two scrapes, of series that changed. */
const since = (before: Scrape, after: Scrape): Record<string, number> =>
  Object.fromEntries(
    [...after]
      .map(([series, value]) => [series, value - (before.get(series) ?? 0)] as const)
      .filter(([, by]) => by > 0),
  )

const infer = (model: string, values: readonly number[], headers: Record<string, string> = {}): Promise<Response> =>
  app.fetch(`/v2/models/${model}/infer`, { method: 'POST', body: JSON.stringify(inferBody(values)), headers })

beforeAll(async () => {
  app = await startTestApp({
    models: {
      'm/1/model.mjs': addModel(1),
      'm/2/model.mjs': addModel(2),
      'm/config.pbtxt': 'version_policy { all {} }',
      'bad/1/model.mjs': obedientModel(),
      'slow/1/model.mjs': jsModel('await new Promise((done) => setTimeout(done, 400)); return Array.from(x.data)'),
      'slow/config.pbtxt': 'max_batch_size: 1',
    },
  })
})
afterAll(() => app.stop())

describe('metrics', () => {
  it('tell of answered requests by model and version how many there were, how long they took and where', async () => {
    const before = await scrape()
    for (const rows of [[1], [2], [3, 4]]) expect((await infer('m', rows)).status).toBe(200)
    expect((await app.post('/v2/models/m/versions/1/infer', inferBody([1]))).status).toBe(200)
    const counted = since(before, await scrape())
    const of = (name: string, labels = ''): number | undefined => counted[`${name}{model="m",version="2"${labels}}`]
    expect(of('slipway_requests_total', ',protocol="http",outcome="ok"')).toBe(3)
    expect(counted['slipway_requests_total{model="m",version="1",protocol="http",outcome="ok"}']).toBe(1)
    for (const name of ['request', 'queue', 'compute', 'transfer']) {
      expect(of(`slipway_${name}_seconds_count`), name).toBe(3)
      expect(of(`slipway_${name}_seconds_bucket`, ',le="+Inf"'), name).toBe(3)
      expect(of(`slipway_${name}_seconds_sum`), name).toBeGreaterThan(0)
    }
    const seconds = (name: string): number => of(`slipway_${name}_seconds_sum`) ?? 0
    expect(seconds('queue') + seconds('compute') + seconds('transfer')).toBeLessThanOrEqual(seconds('request') + 1e-6)
    expect([of('slipway_batch_rows_count'), of('slipway_batch_rows_sum')]).toEqual([3, 4])
    expect(of('slipway_batches_total', ',reason="idle"')).toBe(3)
    expect([of('nv_inference_request_success'), of('nv_inference_count'), of('nv_inference_exec_count')]).toEqual([
      3, 4, 3,
    ])
    const microseconds = of('nv_inference_request_duration_us') ?? 0
    expect(Math.abs(microseconds - seconds('request') * 1e6)).toBeLessThan(3)
  })

  it('tell of failures who has to act', async () => {
    const before = await scrape()
    expect((await app.post('/v2/models/m/infer', { inputs: [] })).status).toBe(400)
    expect((await infer('bad', [670])).status).toBe(500)
    expect((await infer('slow', [1], { 'slipway-timeout-ms': '20' })).status).toBe(504)
    const counted = since(before, await scrape())
    const failures = Object.entries(counted).filter(([series]) => series.startsWith('slipway_errors_total'))
    expect(Object.fromEntries(failures)).toEqual({
      'slipway_errors_total{model="bad",version="1",category="model",code="model_failed"}': 1,
      'slipway_errors_total{model="m",version="2",category="client",code="invalid_tensor"}': 1,
      'slipway_errors_total{model="slow",version="1",category="infrastructure",code="deadline_exceeded"}': 1,
    })
    expect(counted).toMatchObject({
      'slipway_requests_total{model="bad",version="1",protocol="http",outcome="model_failed"}': 1,
      'nv_inference_request_failure{model="bad",version="1",reason="BACKEND"}': 1,
      'nv_inference_request_failure{model="m",version="2",reason="OTHER"}': 1,
      'nv_inference_request_failure{model="slow",version="1",reason="REJECTED"}': 1,
    })
    expect(Object.keys(counted).filter((series) => series.startsWith('slipway_request_seconds'))).toEqual([])
  })

  it('have no series of names that clients make up', async () => {
    for (const [model, path] of [
      ['made-up', '/v2/models/made-up/infer'],
      ['m', '/v2/models/m/versions/77/infer'],
    ] as const)
      expect((await app.post(path, inferBody([1]))).status, model).toBe(404)
    const after = [...(await scrape())]
    expect(after.filter(([series]) => /made-up|"77"/.test(series))).toEqual([])
    expect(after.find(([series]) => series.includes('code="model_not_found"'))).toEqual([
      'slipway_errors_total{model="",version="",category="client",code="model_not_found"}',
      1,
    ])
    expect(after.find(([series]) => series.includes('code="version_not_found"'))?.[0]).toContain(
      '{model="m",version="",',
    )
  })

  it('show what waits and what runs', async () => {
    const answers = [1, 2, 3].map((value) => infer('slow', [value]))
    await eventually('one runs and two wait', async () => {
      const seen = await scrape()
      const of = (name: string): number | undefined => seen.get(`${name}{model="slow",version="1"}`)
      const gauges = [of('slipway_in_flight'), of('slipway_queue_depth'), of('nv_inference_pending_request_count')]
      return gauges.join() === '3,2,2' ? true : undefined
    })
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([200, 200, 200])
    expect((await scrape()).get('slipway_queue_depth{model="slow",version="1"}')).toBe(0)
  })

  it('show the memory of hosts, loads, and the process', async () => {
    const seen = await scrape()
    const hosts = ['m",version="1', 'm",version="2', 'bad",version="1', 'slow",version="1'].map(
      (labels) => seen.get(`slipway_host_memory_bytes{model="${labels}"}`) ?? 0,
    )
    for (const bytes of hosts) expect(bytes).toBeGreaterThan(20e6)
    expect(seen.get('slipway_memory_used_bytes')).toBeGreaterThan(80e6)
    expect(seen.get('slipway_model_load_seconds_count{model="m"}')).toBe(2)
    expect(seen.get('slipway_version_ready{model="m",version="1"}')).toBe(1)
    expect(Math.abs((seen.get('process_start_time_seconds') ?? 0) - Date.now() / 1000)).toBeLessThan(3600)
    for (const name of [
      'process_resident_memory_bytes',
      'process_cpu_seconds_total',
      'process_open_fds',
      'slipway_http_connections',
      'slipway_memory_budget_bytes',
    ])
      expect(seen.get(name), name).toBeGreaterThan(0)
    expect(seen.has('slipway_event_loop_lag_seconds')).toBe(true)
  })

  it('have buckets that add up, of bounds below a millisecond too', async () => {
    const buckets = new Map<string, { bound: number; count: number }[]>()
    const seen = await scrape()
    for (const [series, count] of seen) {
      const [, name = '', labels = '', bound = ''] = /^(\w+)_bucket\{(.*?),?le="([^"]+)"\}$/.exec(series) ?? []
      if (name === '') continue
      const key = `${name}_count${labels === '' ? '' : `{${labels}}`}`
      buckets.set(key, [...(buckets.get(key) ?? []), { bound: Number(bound.replace('+Inf', 'Infinity')), count }])
    }
    expect(buckets.size).toBeGreaterThan(15)
    for (const [key, rows] of buckets) {
      expect(rows, key).toEqual(rows.toSorted((a, b) => a.bound - b.bound || a.count - b.count))
      expect(rows.map(({ count }) => count)).toEqual(rows.map(({ count }) => count).toSorted((a, b) => a - b))
      expect(rows.at(-1), key).toEqual({ bound: Infinity, count: seen.get(key) })
    }
    const latency = buckets.get('slipway_request_seconds_count{model="m",version="2"}') ?? []
    expect(latency.filter(({ bound }) => bound < 0.001).length).toBeGreaterThanOrEqual(4)
  })

  it('are answered as OpenMetrics to scrapers that take it', async () => {
    const response = await app.fetch('/metrics', { headers: { accept: 'application/openmetrics-text; version=1.0.0' } })
    expect(response.headers.get('content-type')).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8')
    const text = await response.text()
    expect(text.endsWith('\n# EOF\n')).toBe(true)
    expect(text).toContain('# TYPE slipway_requests counter\n')
    expect(text).toMatch(/^slipway_requests_total\{model="m",version="2",protocol="http",outcome="ok"\} [1-9]/m)
  })
})
