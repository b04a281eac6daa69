import { describe, expect, it } from 'vitest'
import { ProtobufReader, ProtobufWriter } from '../../lib/index.ts'
import type { Exchange, Reply, Route } from '../../protocol/index.ts'
import { openTestRegistry } from '../../testing/open-test-registry.ts'
import type { TestRegistry } from '../../testing/open-test-registry.ts'
import { mlflowRoutes } from './index.ts'

interface Call {
  readonly params?: Record<string, string>
  readonly query?: string
  readonly headers?: Record<string, string>
  readonly body?: string | Uint8Array
}

const routeOf = ({ registry }: TestRegistry, method: string, path: string): Route => {
  const route = mlflowRoutes({ registry }).find((each) => each.method === method && each.path === path)
  if (route === undefined) throw new Error(`no route ${method} ${path}`)
  return route
}

const call = async (test: TestRegistry, target: string, given: Call = {}): Promise<Reply> => {
  const [method = '', path = ''] = target.split(' ')
  const headers = given.headers ?? { 'content-type': 'application/json' }
  const exchange: Exchange = {
    method,
    path,
    route: path,
    params: given.params ?? {},
    query: new URLSearchParams(given.query),
    receivedAtMs: 0,
    header: (name) => headers[name],
    body: () => Promise.resolve(Buffer.from(given.body ?? '')),
    async *bodyStream() {},
    onAbort() {},
  }
  return routeOf(test, method, path).handle(exchange)
}

const json = (reply: Reply): unknown => JSON.parse(String(reply.body))

const traceId = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex')
const id = 'tr-000102030405060708090a0b0c0d0e0f'

const fixed64 = (value: bigint): Uint8Array => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(value)
  return bytes
}

const exportOf = (...spanIds: readonly string[]): Uint8Array =>
  new ProtobufWriter()
    .message(1, (resource) =>
      resource.message(2, (spans) => {
        for (const spanId of spanIds)
          spans.message(2, (one) => {
            one.bytes(1, traceId).bytes(2, Buffer.from(spanId, 'hex')).string(5, 'root')
            one.raw(7, 1, fixed64(1_700_000_000_123_456_789n)).raw(8, 1, fixed64(1_700_000_001_123_456_789n))
            one.message(9, (pair) => pair.string(1, 'n').message(2, (value) => value.int64(3, 9_007_199_254_740_993n)))
          })
      }),
    )
    .finish()

const protobuf = { 'content-type': 'application/x-protobuf', 'x-mlflow-experiment-id': '0' }
const oneSpan = exportOf('0102030405060708')

const send = (
  test: TestRegistry,
  body: Uint8Array | string,
  headers: Record<string, string> = protobuf,
): Promise<Reply> => call(test, 'POST /v1/traces', { body, headers })

/** The fields of a google.rpc.Status. */
const statusOf = ({ body }: Reply): { code: number; message: string } => {
  const reader = new ProtobufReader(body as Uint8Array)
  let code = 0
  let message = ''
  while (reader.next())
    if (reader.field === 1) code = reader.uint32()
    else message = reader.string()
  return { code, message }
}

describe('POST /v1/traces', () => {
  it('answers an empty ExportTraceServiceResponse', async () => {
    await using test = await openTestRegistry()
    const reply = await send(test, oneSpan)
    expect(reply).toMatchObject({ status: 200, contentType: 'application/x-protobuf' })
    expect(reply.body).toHaveLength(0)
    expect((await test.registry.traces.require(id)).state).toBe('OK')
  })

  it('says in OTLP’s own words how many spans it rejected', async () => {
    await using test = await openTestRegistry()
    const reply = await send(test, exportOf('0102030405060708', '0000000000000000'))
    expect(reply.status).toBe(200)
    const reader = new ProtobufReader(reply.body as Uint8Array)
    reader.next()
    const partial = reader.message()
    partial.next()
    expect(partial.int64Exact()).toBe(1)
    partial.next()
    expect(partial.string()).toContain('span_id')
  })

  it.each<[string, Uint8Array, Record<string, string>, [number, number]]>([
    ['without an experiment', oneSpan, { 'content-type': 'application/x-protobuf' }, [400, 3]],
    ['for an experiment that isn’t there', oneSpan, { ...protobuf, 'x-mlflow-experiment-id': '99' }, [404, 5]],
    ['for no experiment’s id', oneSpan, { ...protobuf, 'x-mlflow-experiment-id': '../0' }, [404, 5]],
    ['that is cut short', oneSpan.subarray(0, 40), protobuf, [400, 3]],
    ['without spans', new Uint8Array(), protobuf, [400, 3]],
    ['whose spans are all wrong', exportOf('0000000000000000'), protobuf, [400, 3]],
  ])('answers a google.rpc.Status to a request %s', async (_, body, headers, [status, code]) => {
    await using test = await openTestRegistry()
    const reply = await send(test, body, headers)
    expect(reply).toMatchObject({ status, contentType: 'application/x-protobuf' })
    expect(statusOf(reply).code).toBe(code)
    expect(statusOf(reply).message).not.toBe('')
    expect(await test.db.query('SELECT trace_id FROM traces')).toEqual([])
  })

  it('speaks JSON to those who do', async () => {
    await using test = await openTestRegistry()
    const headers = { 'content-type': 'application/json; charset=utf-8', 'x-mlflow-experiment-id': '0' }
    const good = { traceId: traceId.toString('hex'), spanId: '0102030405060708', name: 'root' }
    const body = (...spans: object[]): string => JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] })
    expect(json(await send(test, body(good), headers))).toEqual({})
    expect(json(await send(test, body(good, { ...good, spanId: 'xyz' }), headers))).toMatchObject({
      partialSuccess: { rejectedSpans: '1' },
    })
    const broken = await send(test, '{', headers)
    expect(broken).toMatchObject({ status: 400, contentType: 'application/json' })
    expect(json(broken)).toMatchObject({ code: 3 })
  })

  it('takes no other encoding', async () => {
    await using test = await openTestRegistry()
    expect((await send(test, oneSpan, { ...protobuf, 'content-type': 'text/plain' })).status).toBe(415)
  })
})

const info = (change: object = {}): string =>
  JSON.stringify({
    trace: {
      trace_info: {
        trace_id: id,
        trace_location: { type: 'MLFLOW_EXPERIMENT', mlflow_experiment: { experiment_id: '0' } },
        request_time: '2026-01-31T12:00:00.123Z',
        execution_duration: '1.5s',
        state: 'OK',
        trace_metadata: { a: '1' },
        tags: { 'mlflow.traceName': 'named' },
        request_preview: 'in',
        ...change,
      },
    },
  })

const put = 'POST /api/3.0/mlflow/traces'

describe('the facts of a trace', () => {
  it('come back in the JSON of MLflow’s messages', async () => {
    await using test = await openTestRegistry()
    expect(json(await call(test, put, { body: info() }))).toEqual({
      trace: {
        trace_info: {
          trace_id: id,
          trace_location: { type: 'MLFLOW_EXPERIMENT', mlflow_experiment: { experiment_id: '0' } },
          request_time: '2026-01-31T12:00:00.123Z',
          execution_duration: '1.5s',
          state: 'OK',
          request_preview: 'in',
          trace_metadata: { a: '1' },
          tags: {
            'mlflow.traceName': 'named',
            'mlflow.artifactLocation': `mlflow-artifacts:/0/traces/${id}/artifacts`,
          },
        },
      },
    })
  })

  it.each([
    ['a trace id with a path', { trace_id: '../x' }],
    ['a time that is none', { request_time: 'yesterday' }],
    ['a duration that is none', { execution_duration: '1' }],
    ['a state that is none', { state: 'DONE' }],
    ['tags that are no texts', { tags: { a: {} } }],
    ['tags that are a list', { tags: ['a'] }],
    ['no experiment', { trace_location: {} }],
    ['an assessment of no kind', { assessments: [{ assessment_name: 'x' }] }],
    ['an assessment of two kinds', { assessments: [{ assessment_name: 'x', feedback: {}, expectation: {} }] }],
  ])('are refused with %s', async (_, change) => {
    await using test = await openTestRegistry()
    const reply = await call(test, put, { body: info(change) })
    expect(reply.status).toBe(400)
    expect(json(reply)).toMatchObject({ error_code: 'INVALID_PARAMETER_VALUE' })
    expect(await test.db.query('SELECT trace_id FROM traces')).toEqual([])
  })

  it('may have any names in their maps', async () => {
    await using test = await openTestRegistry()
    const body = info().replace('"a":"1"', '"__proto__":"x","constructor":"y"')
    const reply = await call(test, put, { body })
    expect(String(reply.body)).toContain('"trace_metadata":{"__proto__":"x","constructor":"y"}')
  })

  it('of a trace that isn’t there are not found', async () => {
    await using test = await openTestRegistry()
    const reply = await call(test, 'GET /api/3.0/mlflow/traces/{trace_id}', { params: { trace_id: 'tr-0' } })
    expect(reply.status).toBe(404)
    expect(json(reply)).toMatchObject({ error_code: 'RESOURCE_DOES_NOT_EXIST' })
  })
})

describe('a trace with its spans', () => {
  it('has times and integers with all their digits', async () => {
    await using test = await openTestRegistry()
    await send(test, oneSpan)
    const reply = await call(test, 'GET /api/3.0/mlflow/traces/get', { query: `trace_id=${id}&allow_partial=False` })
    expect(String(reply.body)).toContain('"start_time_unix_nano":1700000000123456789')
    expect(String(reply.body)).toContain('{"key":"n","value":{"int_value":9007199254740993}}')
    expect(json(reply)).toMatchObject({
      trace: {
        spans: [
          { trace_id: traceId.toString('base64'), span_id: 'AQIDBAUGBwg=', status: { code: 'STATUS_CODE_UNSET' } },
        ],
      },
    })
  })

  it('is in a batch only when it is there as a whole', async () => {
    await using test = await openTestRegistry()
    await send(test, oneSpan)
    const ids = `trace_ids=${id}&trace_ids=tr-0`
    const batch = async (): Promise<unknown> =>
      json(await call(test, 'GET /api/3.0/mlflow/traces/batchGet', { query: ids }))
    expect(await batch()).toMatchObject({ traces: [{ trace_info: { trace_id: id } }] })
    await call(test, put, { body: info({ trace_metadata: { 'mlflow.trace.sizeStats': '{"num_spans":2}' } }) })
    expect(await batch()).toEqual({})
  })

  it('is awaited for a while, then said to be incomplete', async () => {
    await using test = await openTestRegistry()
    await send(test, oneSpan)
    await call(test, put, { body: info({ trace_metadata: { 'mlflow.trace.sizeStats': '{"num_spans":2}' } }) })
    const reply = call(test, 'GET /api/3.0/mlflow/traces/get', { query: `trace_id=${id}` })
    let waiting = true
    void reply.then(() => (waiting = false))
    for (let turn = 0; waiting && turn < 1000; turn++) {
      await new Promise(setImmediate)
      await test.clock.advance(100)
    }
    expect(json(await reply)).toMatchObject({ message: expect.stringContaining('not fully exported') })
  })
})

describe('the file of a trace', () => {
  const paths = ['/ajax-api/2.0/mlflow/get-trace-artifact', '/ajax-api/3.0/mlflow/get-trace-artifact']

  it('needs the same permission on every path', async () => {
    await using test = await openTestRegistry()
    expect(paths.map((path) => routeOf(test, 'GET', path).needs)).toEqual(['registry.read', 'registry.read'])
  })

  it.each(paths)('%s is made of the spans, as an attachment', async (path) => {
    await using test = await openTestRegistry()
    await send(test, oneSpan)
    const reply = await call(test, `GET ${path}`, { query: `request_id=${id}` })
    expect(reply.headers).toMatchObject({ 'x-content-type-options': 'nosniff' })
    expect(reply.headers?.['content-disposition']).toMatch(/^attachment/)
    expect(json(reply)).toMatchObject({ spans: [{ name: 'root', attributes: { n: '9007199254740993' } }] })
  })

  it.each(paths)('%s is the one that the client uploaded', async (path) => {
    await using test = await openTestRegistry()
    await call(test, put, { body: info() })
    await test.upload(`0/traces/${id}/artifacts/traces.json`, '{"spans":[]}')
    await test.upload(`0/traces/${id}/artifacts/attachments/a.png`, 'picture')
    expect(json(await call(test, `GET ${path}`, { query: `request_id=${id}` }))).toEqual({ spans: [] })
    const attached = await call(test, `GET ${path}`, { query: `request_id=${id}&path=a.png` })
    expect(String(attached.body)).toBe('picture')
  })

  it.each([
    ['', 400],
    ['request_id=tr-0', 404],
    [`request_id=${id}&path=missing`, 404],
    [`request_id=${id}&path=../../../../0/secret`, 400],
    [`request_id=${id}&path=%252e%252e%252fsecret`, 400],
    [`request_id=${id}&path=/etc/passwd`, 400],
  ])('is refused for %j', async (query, status) => {
    await using test = await openTestRegistry()
    await call(test, put, { body: info() })
    await test.upload('0/secret', 'secret')
    const reply = await call(test, `GET ${paths[0]}`, { query })
    expect(reply.status).toBe(status)
  })
})

describe('deletion', () => {
  it.each([
    [{}, /Either/],
    [{ max_timestamp_millis: 1, request_ids: ['a'] }, /Only one/],
    [{ request_ids: ['a'], max_traces: 1 }, /can't be specified/],
    [{ max_timestamp_millis: 1, max_traces: 0 }, /positive/],
  ])('is refused for %j', async (fields, message) => {
    await using test = await openTestRegistry()
    for (const version of ['2.0', '3.0']) {
      const body = JSON.stringify({ experiment_id: '0', ...fields })
      const reply = await call(test, `POST /api/${version}/mlflow/traces/delete-traces`, { body })
      expect(json(reply)).toMatchObject({ message: expect.stringMatching(message) })
    }
  })
})

describe('an assessment', () => {
  const path = '/api/3.0/mlflow/traces/{trace_id}/assessments'
  const source = { source_type: 'HUMAN', source_id: 'ada' }

  it('is made, changed by its mask, and deleted', async () => {
    await using test = await openTestRegistry()
    await call(test, put, { body: info() })
    const params = { trace_id: id }
    const made = json(
      await call(test, `POST ${path}`, {
        params,
        body: JSON.stringify({
          assessment: { assessment_name: 'n', source, feedback: { value: 1 }, metadata: { a: '1' } },
        }),
      }),
    ) as { assessment: { assessment_id: string } }
    expect(made).toMatchObject({ assessment: { feedback: { value: 1 }, source, valid: true, metadata: { a: '1' } } })
    const one = { ...params, assessment_id: made.assessment.assessment_id }
    const change = { assessment_name: 'ignored', rationale: 'r', feedback: { value: 2 } }
    for (const mask of ['feedback,rationale', { paths: ['feedback', 'rationale'] }]) {
      const body = JSON.stringify({ assessment: change, update_mask: mask })
      expect(json(await call(test, `PATCH ${path}/{assessment_id}`, { params: one, body }))).toMatchObject({
        assessment: { assessment_name: 'n', rationale: 'r', feedback: { value: 2 } },
      })
    }
    await call(test, `DELETE ${path}/{assessment_id}`, { params: one })
    expect((await call(test, `GET ${path}/{assessment_id}`, { params: one })).status).toBe(404)
  })
})

describe('datasets of experiments', () => {
  it('are listed with what they were read for', async () => {
    await using test = await openTestRegistry()
    const { info: run } = await test.registry.runs.create({
      experimentId: '0',
      userId: '',
      startTime: 1,
      name: '',
      tags: [],
    })
    await call(test, 'POST /api/2.0/mlflow/runs/log-inputs', {
      body: JSON.stringify({
        run_id: run.runId,
        datasets: [
          {
            dataset: { name: 'd', digest: 'x', source_type: 'code', source: '{}' },
            tags: [{ key: 'mlflow.data.context', value: 'training' }],
          },
        ],
      }),
    })
    const reply = await call(test, 'POST /ajax-api/2.0/mlflow/experiments/search-datasets', {
      body: JSON.stringify({ experiment_ids: ['0'] }),
    })
    expect(json(reply)).toEqual({
      dataset_summaries: [{ experiment_id: '0', name: 'd', digest: 'x', context: 'training' }],
    })
  })
})
