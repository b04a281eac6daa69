import { describe, expect, it } from 'vitest'
import { silentLogger } from '../../lib/logger.ts'
import { seededRandom } from '../../testing/seeded-random.ts'
import { VirtualClock } from '../../testing/virtual-clock.ts'
import type { FinishedSpan } from './finished-span.ts'
import { openTracer } from './open-tracer.ts'
import { RecordingTracer } from './recording-tracer.ts'
import { readSpanContext, writeSpanContext } from './span-context.ts'
import { tracePredictions } from './trace-predictions.ts'
import { noTracer } from './tracer.ts'

const open = (sampleRatio = 1, random = seededRandom(7) as { next(): number }) => {
  const spans: FinishedSpan[] = []
  const clock = new VirtualClock({ wallMs: 5000 })
  const exporter = { add: (span: FinishedSpan) => void spans.push(span), close: () => Promise.resolve() }
  return { tracer: new RecordingTracer({ clock, random, exporter, sampleRatio }), spans, clock }
}

const start = { name: 's', kind: 'server', parent: undefined } as const
const caller = { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7', tracestate: 'x=1' }

describe('a tracer', () => {
  it('times spans by its clock and links children to parents', async () => {
    const { tracer, spans, clock } = open()
    const parent = tracer.startSpan(start)
    await clock.advance(10)
    const child = tracer.startSpan({ name: 'c', kind: 'internal', parent: parent.context })
    child.setAttributes({ rows: 2 })
    child.fail('queue_full')
    child.end()
    await clock.advance(5)
    parent.end()
    const [inner, outer] = spans
    expect(inner).toMatchObject({ startMs: 5010, endMs: 5010, attributes: { rows: 2 }, error: 'queue_full' })
    expect(outer).toMatchObject({ startMs: 5000, endMs: 5015, error: undefined, parentSpanId: undefined })
    expect(inner?.context.traceId).toBe(outer?.context.traceId)
    expect(inner?.parentSpanId).toBe(outer?.context.spanId)
    expect(inner?.context.spanId).not.toBe(outer?.context.spanId)
  })

  it('makes ids of the right form even if chance gives only zeros', () => {
    for (const random of [seededRandom(1), { next: () => 0 }]) {
      const { context } = open(1, random).tracer.startSpan(start)
      expect(context?.traceId).toMatch(/^(?!0+$)[0-9a-f]{32}$/)
      expect(context?.spanId).toMatch(/^(?!0+$)[0-9a-f]{16}$/)
    }
  })

  it('keeps about the share of new traces that it is told to', () => {
    const { tracer, spans } = open(0.25)
    for (let i = 0; i < 4000; i++) tracer.startSpan(start).end()
    expect(spans.length).toBeGreaterThan(900)
    expect(spans.length).toBeLessThan(1100)
  })

  it("follows the caller's decision, whatever its own share", () => {
    const none = open(0)
    none.tracer.startSpan({ ...start, parent: { ...caller, sampled: true } }).end()
    expect(none.spans[0]).toMatchObject({ parentSpanId: caller.spanId, context: { traceId: caller.traceId } })
    const all = open(1)
    const span = all.tracer.startSpan({ ...start, parent: { ...caller, sampled: false } })
    span.end()
    expect(all.spans).toEqual([])
    expect(span.recording).toBe(false)
    expect(span.context).toMatchObject({ traceId: caller.traceId, sampled: false, tracestate: 'x=1' })
  })

  it('exports a span once, as it was at its end', () => {
    const { tracer, spans } = open()
    const span = tracer.startSpan(start)
    span.end(6000)
    span.setAttributes({ late: true })
    span.fail('late')
    span.end(7000)
    expect(spans).toHaveLength(1)
    expect(spans[0]).toMatchObject({ endMs: 6000, attributes: {}, error: undefined })
  })

  it('never ends a span before its start', () => {
    const { tracer, spans } = open()
    tracer.startSpan(start).end(10)
    expect(spans[0]).toMatchObject({ startMs: 5000, endMs: 5000 })
  })

  it('bounds the attributes and their length', () => {
    const { tracer, spans } = open()
    const many = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`k${index}`, 'x'.repeat(5000)]))
    tracer.startSpan({ ...start, attributes: many }).end()
    expect(Object.keys(spans[0]?.attributes ?? {})).toHaveLength(64)
    expect(spans[0]?.attributes['k0']).toBe('x'.repeat(1024))
  })
})

describe('without an endpoint', () => {
  it('nothing is traced, posted or allocated', async () => {
    const tracer = openTracer(
      { endpoint: '', headers: {}, resource: {}, scope: { name: 's', version: '1' }, sampleRatio: 1 },
      {
        clock: new VirtualClock(),
        random: seededRandom(1),
        logger: silentLogger,
        post: () => Promise.reject(new Error('posted')),
      },
    )
    expect(tracer).toBe(noTracer)
    expect(tracer.startSpan(start)).toBe(tracer.startSpan(start))
    expect(tracer.startSpan(start).context).toBeUndefined()
    await tracer.close()
  })
})

describe('headers', () => {
  const traceparent = `00-${caller.traceId}-${caller.spanId}-01`

  it('carry a context from server to server', () => {
    const context = readSpanContext({ traceparent, tracestate: 'x=1' })
    expect(context).toEqual({ ...caller, sampled: true })
    expect(context && writeSpanContext(context)).toEqual({ traceparent, tracestate: 'x=1' })
  })

  it('with an invalid traceparent start a new trace; an invalid tracestate is left out', () => {
    expect(readSpanContext({ traceparent: `${traceparent}0`, tracestate: 'x=1' })).toBeUndefined()
    expect(readSpanContext({ traceparent: undefined, tracestate: 'x=1' })).toBeUndefined()
    const context = readSpanContext({ traceparent, tracestate: 'X=1' })
    expect(context && writeSpanContext(context)).toEqual({ traceparent })
  })
})

describe('a prediction', () => {
  const prediction = {
    model: 'm',
    version: '1',
    id: 'r1',
    protocol: 'http',
    traceparent: `00-${caller.traceId}-${caller.spanId}-01`,
    startedAtMs: 1000,
    endedAtMs: 1010,
    timing: { queueMs: 3, transferMs: 2, computeMs: 4, batchRows: 8, batchRequests: 2 },
    error: undefined,
  } as const

  it('is a span with its wait and its run inside', () => {
    const { tracer, spans } = open()
    tracePredictions(tracer).record(prediction)
    const [queue, compute, request] = spans
    expect(request).toMatchObject({
      name: 'infer m',
      kind: 'server',
      parentSpanId: caller.spanId,
      startMs: 1000,
      endMs: 1010,
      attributes: {
        'http.request.method': 'POST',
        'http.route': '/v2/models/{model}/infer',
        'slipway.model': 'm',
        'slipway.version': '1',
        'slipway.request.id': 'r1',
        'slipway.batch.rows': 8,
        'slipway.batch.requests': 2,
      },
    })
    expect(queue).toMatchObject({ name: 'queue', startMs: 1001, endMs: 1004 })
    expect(compute).toMatchObject({ name: 'compute', startMs: 1005, endMs: 1009 })
    for (const child of [queue, compute]) expect(child?.parentSpanId).toBe(request?.context.spanId)
  })

  it('that failed is marked with its code and has no phases', () => {
    const { tracer, spans } = open()
    tracePredictions(tracer).record({ ...prediction, protocol: 'grpc', timing: undefined, error: 'queue_full' })
    expect(spans).toHaveLength(1)
    expect(spans[0]).toMatchObject({
      error: 'queue_full',
      attributes: { 'error.type': 'queue_full', 'rpc.system': 'grpc', 'rpc.method': 'ModelInfer' },
    })
  })

  it('keeps its phases inside the request though the timings do not add up', () => {
    const { tracer, spans } = open()
    const timing = { ...prediction.timing, queueMs: 50, computeMs: 60 }
    tracePredictions(tracer).record({ ...prediction, timing })
    for (const { startMs, endMs } of spans) {
      expect(startMs).toBeGreaterThanOrEqual(1000)
      expect(endMs).toBeLessThanOrEqual(1010)
    }
  })
})
