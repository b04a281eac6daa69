import { describe, expect, it } from 'vitest'
import type { TestRegistry } from '../../testing/open-test-registry.ts'
import { openTestRegistry } from '../../testing/open-test-registry.ts'
import type { NewAssessment } from './assessment.ts'
import type { NewTrace } from './trace-store.ts'
import type { ReceivedSpan, TraceInfo } from './trace.ts'
import { traceLimits } from './trace.ts'

const ms = 1_700_000_000_000
const ns = (offsetMs: number): bigint => BigInt(ms + offsetMs) * 1_000_000n

const span = (change: Partial<ReceivedSpan> = {}): ReceivedSpan => ({
  traceId: 'tr-1',
  spanId: '0000000000000001',
  parentSpanId: undefined,
  name: 'root',
  status: 'OK',
  statusMessage: '',
  startNs: ns(0),
  endNs: ns(100),
  kind: 0,
  traceState: '',
  attributes: new Map(),
  events: [],
  links: [],
  resource: new Map(),
  ...change,
})

const child = (change: Partial<ReceivedSpan> = {}): ReceivedSpan =>
  span({ spanId: '0000000000000002', parentSpanId: '0000000000000001', name: 'child', ...change })

const trace = (change: Partial<NewTrace> = {}): NewTrace => ({
  traceId: 'tr-1',
  experimentId: '0',
  timestampMs: ms,
  durationMs: 100,
  state: 'OK',
  tags: [],
  metadata: [],
  assessments: [],
  ...change,
})

const feedback = (value: unknown, change: Partial<NewAssessment> = {}): NewAssessment => ({
  kind: 'feedback',
  name: 'score',
  content: JSON.stringify({ value }),
  sourceType: 'HUMAN',
  sourceId: 'ada',
  spanId: undefined,
  rationale: undefined,
  metadata: [],
  overrides: undefined,
  createTime: undefined,
  lastUpdateTime: undefined,
  ...change,
})

const valueOf = ({ tags, metadata }: TraceInfo, key: string): string | undefined =>
  [...tags, ...metadata].find((pair) => pair.key === key)?.value

const found = async ({ registry }: TestRegistry, filter: string, orderBy?: string[]): Promise<string[]> => {
  const page = await registry.traces.search({ experimentIds: ['0'], filter, orderBy, limit: 100 })
  return page.items.map((item) => item.traceId)
}

describe('spans', () => {
  it('come back as they came', async () => {
    await using test = await openTestRegistry()
    const given = span({
      startNs: 1_700_000_000_123_456_789n,
      endNs: 2n ** 62n,
      kind: 3,
      traceState: 'k=v',
      statusMessage: 'fine',
      attributes: new Map([
        ['__proto__', '"own"'],
        ['big', '9007199254740993'],
      ]),
      events: [{ name: 'e', timeNs: 1n, attributes: new Map([['__proto__', '1']]) }],
      links: [{ traceId: '1'.repeat(32), spanId: '2'.repeat(16), attributes: new Map() }],
    })
    expect(await test.registry.spans.log('0', [given])).toEqual({ rejected: 0, reason: undefined })
    const { resource: _, attributes, ...rest } = given
    const [read] = await test.registry.spans.read('tr-1')
    expect(read).toMatchObject(rest)
    expect(read?.attributes).toEqual(new Map([...attributes, ['mlflow.traceRequestId', '"tr-1"']]))
  })

  it('make their trace, whose tags and name they tell', async () => {
    await using test = await openTestRegistry()
    const resource = new Map([
      ['service.name', '"shop"'],
      ['telemetry.sdk.name', '"x"'],
      ['mlflow.artifactLocation', '"mlflow-artifacts:/9"'],
    ])
    const attributes = new Map([
      ['mlflow.spanInputs', '{"messages":[{"role":"user","content":"hi"}]}'],
      ['mlflow.spanOutputs', '"there"'],
      ['mlflow.traceTag.team', '"risk"'],
      ['mlflow.traceTag.mlflow.artifactLocation', '"mlflow-artifacts:/9"'],
      ['session.id', '"s-1"'],
      ['user.id', '"ada"'],
    ])
    await test.registry.spans.log('0', [span({ resource, attributes }), child({ resource })])
    const info = await test.registry.traces.require('tr-1')
    expect(info).toMatchObject({
      timestampMs: ms,
      durationMs: 100,
      state: 'OK',
      requestPreview: 'hi',
      responsePreview: '"there"',
      spansHere: true,
    })
    expect(valueOf(info, 'mlflow.traceName')).toBe('root')
    expect(valueOf(info, 'service.name')).toBe('shop')
    expect(valueOf(info, 'team')).toBe('risk')
    expect(valueOf(info, 'telemetry.sdk.name')).toBeUndefined()
    expect(valueOf(info, 'mlflow.artifactLocation')).toBe('mlflow-artifacts:/0/traces/tr-1/artifacts')
    expect(valueOf(info, 'mlflow.trace.session')).toBe('s-1')
    expect(valueOf(info, 'mlflow.trace.user')).toBe('ada')
  })

  it('end their trace when the root comes after its children', async () => {
    await using test = await openTestRegistry()
    await test.registry.spans.log('0', [child({ startNs: ns(10), endNs: ns(20) })])
    expect(await test.registry.traces.require('tr-1')).toMatchObject({ state: 'IN_PROGRESS', timestampMs: ms + 10 })
    await test.registry.spans.log('0', [span({ status: 'ERROR' })])
    expect(await test.registry.traces.require('tr-1')).toMatchObject({
      state: 'ERROR',
      timestampMs: ms,
      durationMs: 100,
    })
    expect((await test.registry.spans.read('tr-1')).map((each) => each.name)).toEqual(['root', 'child'])
  })

  it('count once when they come again, and the last root decides', async () => {
    await using test = await openTestRegistry()
    await test.registry.spans.log('0', [span({ endNs: undefined })])
    expect((await test.registry.traces.require('tr-1')).state).toBe('IN_PROGRESS')
    await test.registry.spans.log('0', [span({ status: 'ERROR' })])
    await test.registry.spans.log('0', [span({ name: 'again' })])
    await test.registry.spans.log('0', [span({ name: 'late copy', endNs: undefined })])
    const spans = await test.registry.spans.read('tr-1')
    expect(spans.map((each) => each.name)).toEqual(['again'])
    expect(await test.registry.traces.require('tr-1')).toMatchObject({ state: 'OK', durationMs: 100 })
  })

  it('change nothing that the client told of the trace', async () => {
    await using test = await openTestRegistry()
    await test.registry.traces.put(
      trace({
        requestPreview: 'told',
        tags: [{ key: 'mlflow.traceName', value: 'told' }],
        metadata: [{ key: 'mlflow.trace.tokenUsage', value: '{"input_tokens":1}' }],
      }),
    )
    const attributes = new Map([
      ['mlflow.spanInputs', '"other"'],
      ['mlflow.chat.tokenUsage', '{"input_tokens":9}'],
    ])
    await test.registry.spans.log('0', [span({ startNs: ns(-500), endNs: ns(900), status: 'ERROR', attributes })])
    const info = await test.registry.traces.require('tr-1')
    expect(info).toMatchObject({ timestampMs: ms, durationMs: 100, state: 'OK', requestPreview: 'told' })
    expect(valueOf(info, 'mlflow.traceName')).toBe('told')
    expect(valueOf(info, 'mlflow.trace.tokenUsage')).toBe('{"input_tokens":1}')
    expect(info.spansHere).toBe(true)
  })

  it('add up their tokens over all batches, parents speaking for their children', async () => {
    await using test = await openTestRegistry()
    const usage = (input: number): ReadonlyMap<string, string> =>
      new Map([
        ['mlflow.chat.tokenUsage', JSON.stringify({ input_tokens: input, output_tokens: 1, total_tokens: input + 1 })],
      ])
    await test.registry.spans.log('0', [child({ attributes: usage(5) })])
    await test.registry.spans.log('0', [child({ spanId: '0000000000000003', attributes: usage(7) })])
    const total = async (): Promise<unknown> =>
      JSON.parse(valueOf(await test.registry.traces.require('tr-1'), 'mlflow.trace.tokenUsage') ?? 'null')
    expect(await total()).toEqual({ input_tokens: 12, output_tokens: 2, total_tokens: 14 })
    await test.registry.spans.log('0', [span({ attributes: usage(13) })])
    expect(await total()).toEqual({ input_tokens: 13, output_tokens: 1, total_tokens: 14 })
  })

  it('go to no trace of another experiment', async () => {
    await using test = await openTestRegistry()
    const other = await test.registry.experiments.create('other')
    await test.registry.spans.log('0', [span()])
    const kept = await test.registry.spans.log(other, [child(), span({ traceId: 'tr-2' })])
    expect(kept).toEqual({ rejected: 1, reason: "Trace 'tr-1' belongs to another experiment." })
    expect(await test.registry.spans.read('tr-1')).toHaveLength(1)
    expect((await test.registry.traces.require('tr-2')).experimentId).toBe(other)
    await expect(test.registry.traces.put(trace({ experimentId: other }))).rejects.toThrow('another experiment')
  })

  it('are refused for an experiment that is deleted or was never there', async () => {
    await using test = await openTestRegistry()
    await expect(test.registry.spans.log('77', [span()])).rejects.toThrow('No Experiment with id=77')
    const gone = await test.registry.experiments.create('gone')
    await test.registry.experiments.delete(gone)
    await expect(test.registry.spans.log(gone, [span()])).rejects.toThrow('active')
  })

  it('are bounded in number, but copies of one count once', async () => {
    await using test = await openTestRegistry()
    await test.registry.spans.log('0', [span()])
    await test.db.query('UPDATE traces SET span_count = ?', [traceLimits.spans])
    expect(await test.registry.spans.log('0', [child()])).toMatchObject({ rejected: 0 })
    const many = Array.from({ length: traceLimits.spans + 1 }, () => span({ traceId: 'tr-9' }))
    expect(await test.registry.spans.log('0', many)).toMatchObject({ rejected: many.length })
  })

  it('tie their ended traces to the run that the sender names', async () => {
    await using test = await openTestRegistry()
    const { info } = await test.registry.runs.create({
      experimentId: '0',
      userId: '',
      startTime: 1,
      name: '',
      tags: [],
    })
    await test.registry.spans.log('0', [span(), child({ traceId: 'tr-2' })], info.runId)
    expect(await found(test, `run_id = '${info.runId}'`)).toEqual(['tr-1'])
    expect(await test.registry.spans.log('0', [span()], 'nowhere')).toMatchObject({
      rejected: 0,
      reason: expect.stringContaining('not found'),
    })
  })
})

describe('a trace', () => {
  it.each(['', '..', 'a/b', 'a b', '-x', 'x'.repeat(101)])('is not named %j', async (traceId) => {
    await using test = await openTestRegistry()
    await expect(test.registry.traces.put(trace({ traceId }))).rejects.toThrow('Invalid trace ID')
  })

  it('of an older client is begun and ended', async () => {
    await using test = await openTestRegistry()
    const begun = await test.registry.traces.begin({
      experimentId: '0',
      timestampMs: ms,
      tags: [{ key: 'a', value: '1' }],
      metadata: [],
    })
    expect(begun).toMatchObject({ state: 'IN_PROGRESS', durationMs: undefined, spansHere: false })
    const ended = await test.registry.traces.end(begun.traceId, {
      timestampMs: ms + 250,
      state: 'OK',
      tags: [
        { key: 'b', value: '2' },
        { key: 'mlflow.artifactLocation', value: 'mlflow-artifacts:/9' },
      ],
      metadata: [{ key: 'm', value: '3' }],
    })
    expect(ended).toMatchObject({ state: 'OK', durationMs: 250, artifactUri: begun.artifactUri })
    expect(['a', 'b', 'm'].map((key) => valueOf(ended, key))).toEqual(['1', '2', '3'])
    expect(valueOf(ended, 'mlflow.artifactLocation')).toBe(begun.artifactUri)
  })

  it('keeps tags that say where things are from being set', async () => {
    await using test = await openTestRegistry()
    await test.registry.traces.put(trace())
    await expect(test.registry.traces.setTag('tr-1', { key: 'mlflow.artifactLocation', value: 'x' })).rejects.toThrow(
      'immutable',
    )
    await expect(test.registry.traces.deleteTag('tr-1', 'mlflow.trace.spansLocation')).rejects.toThrow('immutable')
  })

  it('is searched by the name in its tag', async () => {
    await using test = await openTestRegistry()
    await test.registry.traces.put(trace())
    await test.registry.traces.setTag('tr-1', { key: 'mlflow.traceName', value: 'named' })
    expect(await found(test, "name = 'named'")).toEqual(['tr-1'])
    await test.registry.traces.deleteTag('tr-1', 'mlflow.traceName')
    expect(await found(test, "name = 'named'")).toEqual([])
    await expect(test.registry.traces.deleteTag('tr-1', 'mlflow.traceName')).rejects.toThrow('No trace tag')
  })

  it('waits for the spans that its client said there are', async () => {
    await using test = await openTestRegistry()
    const info = await test.registry.traces.put(
      trace({ metadata: [{ key: 'mlflow.trace.sizeStats', value: '{"num_spans":2}' }] }),
    )
    await test.registry.spans.log('0', [span(), child()])
    expect(await test.registry.traces.awaitSpans(info)).toBe(true)
    expect(test.registry.traces.isWhole(info, 1)).toBe(false)
  })

  it('is deleted with all that belongs to it', async () => {
    await using test = await openTestRegistry()
    await test.registry.spans.log('0', [span(), span({ traceId: 'tr-10' })])
    await test.registry.assessments.create('tr-1', feedback(1))
    await test.upload('0/traces/tr-1/artifacts/traces.json', '{}')
    await test.upload('0/traces/tr-10/artifacts/traces.json', '{}')
    expect(await test.registry.traces.deleteByIds('0', ['tr-1', 'nowhere'])).toBe(1)
    for (const table of ['traces', 'spans', 'trace_tags', 'trace_metadata', 'assessments', 'artifacts'])
      expect(
        (await test.db.query(`SELECT * FROM ${table}`)).filter((row) => /tr-1(?!0)/.test(JSON.stringify(row))),
      ).toEqual([])
    expect(await test.registry.artifacts.get('0/traces/tr-10/artifacts/traces.json')).toBeDefined()
  })

  it('of another experiment is not deleted', async () => {
    await using test = await openTestRegistry()
    const other = await test.registry.experiments.create('other')
    await test.registry.traces.put(trace())
    expect(await test.registry.traces.deleteByIds(other, ['tr-1'])).toBe(0)
    expect(await test.registry.traces.deleteUpTo(other, ms * 2, undefined)).toBe(0)
  })

  it('goes first when it is the oldest', async () => {
    await using test = await openTestRegistry()
    for (let index = 0; index < 4; index++)
      await test.registry.traces.put(trace({ traceId: `tr-${index}`, timestampMs: ms + index }))
    expect(await test.registry.traces.deleteUpTo('0', ms + 2, 2)).toBe(2)
    expect(await found(test, '')).toEqual(['tr-3', 'tr-2'])
    expect(await test.registry.traces.deleteUpTo('0', ms + 2, undefined)).toBe(1)
  })

  it('keeps pairs under any name', async () => {
    await using test = await openTestRegistry()
    const info = await test.registry.traces.put(trace({ metadata: [{ key: '__proto__', value: 'own' }] }))
    expect(info.metadata).toEqual([{ key: '__proto__', value: 'own' }])
  })

  it('refuses times that no reply could hold', async () => {
    await using test = await openTestRegistry()
    await expect(test.registry.traces.put(trace({ timestampMs: 1e15 }))).rejects.toThrow('request_time')
  })
})

describe('a search', () => {
  it('finds traces by what is told of them', async () => {
    await using test = await openTestRegistry()
    await test.registry.traces.put(
      trace({
        clientRequestId: 'r-1',
        requestPreview: 'hello',
        tags: [{ key: 'team', value: 'risk' }],
        metadata: [{ key: 'mlflow.sourceRun', value: 'run-1' }],
      }),
    )
    await test.registry.traces.put(trace({ traceId: 'tr-2', timestampMs: ms + 5, durationMs: 7, state: 'ERROR' }))
    const expectations: [string, string[]][] = [
      ["attributes.status = 'ERROR'", ['tr-2']],
      ["trace.status IN ('OK', 'IN_PROGRESS')", ['tr-1']],
      [`timestamp_ms > ${ms}`, ['tr-2']],
      ['execution_time_ms < 50', ['tr-2']],
      [`end_time_ms >= ${ms + 100}`, ['tr-1']],
      ["client_request_id = 'r-1'", ['tr-1']],
      ["request_preview LIKE 'hel%'", ['tr-1']],
      ["tags.team = 'risk' OR status = 'ERROR'", ['tr-2', 'tr-1']],
      ['tags.team IS NULL', ['tr-2']],
      ["attribute.run_id = 'run-1'", ['tr-1']],
      ["request_metadata.`mlflow.sourceRun` = 'run-1'", ['tr-1']],
      ["metadata.`mlflow.sourceRun` != 'other'", ['tr-1']],
      ["request_id = 'tr-2'", ['tr-2']],
    ]
    for (const [filter, ids] of expectations) expect([filter, await found(test, filter)]).toEqual([filter, ids])
    expect(await found(test, '', ['execution_time DESC'])).toEqual(['tr-1', 'tr-2'])
    expect(await found(test, '', ['tags.team ASC'])).toEqual(['tr-1', 'tr-2'])
    await expect(found(test, "status RLIKE 'x'")).rejects.toThrow('Invalid')
  })

  it('wants one span to fulfil all that stands side by side', async () => {
    await using test = await openTestRegistry()
    const llm = new Map([
      ['mlflow.spanType', '"LLM"'],
      ['model', '"gpt \\"4\\" 100%"'],
      ['n', '12'],
    ])
    await test.registry.spans.log('0', [span({ status: 'ERROR' }), child({ attributes: llm })])
    const expectations: [string, number][] = [
      ["span.name = 'root' AND span.status = 'ERROR'", 1],
      ["span.name = 'child' AND span.status = 'ERROR'", 0],
      ["span.type = 'LLM'", 1],
      [`span.attributes.model = 'gpt "4" 100%'`, 1],
      ["span.attributes.model = 'gpt'", 0],
      ["span.attributes.model LIKE 'gpt%'", 1],
      ["span.attributes.model LIKE '%100%'", 1],
      ["span.attributes.model ILIKE 'GPT%'", 1],
      ["span.attributes.model LIKE '%gpt_5%'", 0],
      ["span.attributes.n = '12'", 1],
      ["span.attributes.n = '1'", 0],
      ["span.attributes.n IN ('3', '12')", 1],
      ["span.attributes.n != '3'", 1],
      ["span.attributes.other != '3'", 0],
      ["span.attributes.mod = '12'", 0],
      ["span.name = 'root' AND span.attributes.n = '12'", 0],
      ["span.name = 'root' AND (span.attributes.n = '12')", 0],
      ["trace.text LIKE '%gpt%'", 1],
      ["trace.text LIKE '%llama%'", 0],
    ]
    for (const [filter, count] of expectations)
      expect([filter, (await found(test, filter)).length]).toEqual([filter, count])
    await expect(found(test, "span.attributes. = 'x'")).rejects.toThrow()
    await expect(found(test, "span.other = 'x'")).rejects.toThrow('Invalid span key')
  })

  it('compares assessments as text and as numbers', async () => {
    await using test = await openTestRegistry()
    await test.registry.traces.put(trace())
    await test.registry.assessments.create('tr-1', feedback(0.75))
    await test.registry.assessments.create('tr-1', feedback(true, { name: 'ok' }))
    await test.registry.assessments.create('tr-1', feedback('yes', { name: 'said' }))
    const expectations: [string, number][] = [
      ['feedback.score > 0.5', 1],
      ['feedback.score >= 0.8', 0],
      ["feedback.score = '0.75'", 1],
      ["feedback.ok = 'true'", 1],
      ["feedback.said = 'yes'", 1],
      ["feedback.said LIKE 'y%'", 1],
      ['feedback.said > 0', 0],
      ['feedback.missing IS NULL', 1],
      ['feedback.said IS NULL', 0],
      ['expectation.said IS NOT NULL', 0],
    ]
    for (const [filter, count] of expectations)
      expect([filter, (await found(test, filter)).length]).toEqual([filter, count])
    await expect(found(test, "feedback.score > '0.5'")).rejects.toThrow('numeric')
  })

  it('gives every trace once, page by page', async () => {
    await using test = await openTestRegistry()
    for (let index = 0; index < 7; index++)
      await test.registry.traces.put(trace({ traceId: `tr-${index}`, durationMs: index % 3 === 0 ? undefined : index }))
    for (const orderBy of [[], ['execution_time_ms DESC'], ['name ASC', 'request_id DESC']]) {
      const seen: string[] = []
      let pageToken: string | undefined
      do {
        const page = await test.registry.traces.search({ experimentIds: ['0'], orderBy, limit: 2, pageToken })
        seen.push(...page.items.map((item) => item.traceId))
        pageToken = page.nextPageToken
      } while (pageToken !== undefined)
      expect(seen.toSorted()).toEqual(Array.from({ length: 7 }, (_, index) => `tr-${index}`))
    }
  })
})

describe('an assessment', () => {
  it('replaces another until it is deleted', async () => {
    await using test = await openTestRegistry()
    await test.registry.traces.put(trace())
    const first = await test.registry.assessments.create('tr-1', feedback('low'))
    const second = await test.registry.assessments.create('tr-1', feedback('high', { overrides: first.assessmentId }))
    expect((await test.registry.assessments.require('tr-1', first.assessmentId)).valid).toBe(false)
    expect(await found(test, "feedback.score = 'low'")).toEqual([])
    await test.registry.assessments.delete('tr-1', second.assessmentId)
    await test.registry.assessments.delete('tr-1', second.assessmentId)
    expect(await found(test, "feedback.score = 'low'")).toEqual(['tr-1'])
    await expect(test.registry.assessments.create('tr-1', feedback('x', { overrides: 'a-none' }))).rejects.toThrow(
      'not found',
    )
  })

  it('is changed in what is named, of its own kind', async () => {
    await using test = await openTestRegistry()
    await test.registry.traces.put(trace())
    const { assessmentId } = await test.registry.assessments.create(
      'tr-1',
      feedback(1, { rationale: 'so', metadata: [{ key: 'a', value: '1' }] }),
    )
    const changed = await test.registry.assessments.update('tr-1', assessmentId, {
      kind: 'feedback',
      content: '{"value":2}',
      metadata: [{ key: 'b', value: '2' }],
    })
    expect(changed).toMatchObject({ name: 'score', rationale: 'so', content: '{"value":2}' })
    expect(changed.metadata).toHaveLength(2)
    expect(await found(test, 'feedback.score > 1')).toEqual(['tr-1'])
    await expect(
      test.registry.assessments.update('tr-1', assessmentId, { kind: 'expectation', content: '{}' }),
    ).rejects.toThrow('Cannot update expectation')
  })

  it('belongs to one trace, whatever id a client gives it', async () => {
    await using test = await openTestRegistry()
    const assessmentId = `a-${'0'.repeat(32)}`
    await test.registry.traces.put(trace({ assessments: [feedback(1, { assessmentId })] }))
    await test.registry.traces.put(trace({ assessments: [feedback(2, { assessmentId })] }))
    await test.registry.traces.put(trace({ traceId: 'tr-2', assessments: [feedback(3, { assessmentId })] }))
    expect((await test.registry.traces.require('tr-1')).assessments).toMatchObject([
      { assessmentId, content: '{"value":2}' },
    ])
    expect((await test.registry.traces.require('tr-2')).assessments).toMatchObject([{ content: '{"value":3}' }])
    await expect(test.registry.assessments.require('tr-2', assessmentId)).rejects.toThrow('not found')
  })

  it('needs its trace and a name', async () => {
    await using test = await openTestRegistry()
    await expect(test.registry.assessments.create('tr-1', feedback(1))).rejects.toThrow("'tr-1' not found")
    await test.registry.traces.put(trace())
    await expect(test.registry.assessments.create('tr-1', feedback(1, { name: '' }))).rejects.toThrow('name')
  })
})

describe('datasets', () => {
  it('are summed up for experiments', async () => {
    await using test = await openTestRegistry()
    await expect(test.registry.datasets([])).rejects.toThrow('at least one')
    await expect(test.registry.datasets(Array.from({ length: 21 }, String))).rejects.toThrow('more than 20')
    expect(await test.registry.datasets(['0', 'x'])).toEqual([])
  })
})
