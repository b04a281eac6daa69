import type { FinishedSpan } from './finished-span.ts'
import type { SpanAttributes } from './tracer.ts'

/** Numbers of opentelemetry/proto/trace/v1: Span.SpanKind and Status.StatusCode. */
const kinds = { internal: 1, server: 2 } as const
const statusError = 2
/** Span.flags: the low byte repeats the W3C flags. */
const flagSampled = 1

interface OtlpResource {
  readonly attributes: SpanAttributes
  readonly scope: { readonly name: string; readonly version: string }
}

/** The body of an ExportTraceServiceRequest in OTLP's JSON encoding: ids in hexadecimal, 64-bit integers as strings. */
export const otlpTraceBody = (spans: readonly FinishedSpan[], { attributes, scope }: OtlpResource): string =>
  JSON.stringify({
    resourceSpans: [
      { resource: { attributes: keyValues(attributes) }, scopeSpans: [{ scope, spans: spans.map(otlpSpan) }] },
    ],
  })

const otlpSpan = (span: FinishedSpan): object => ({
  traceId: span.context.traceId,
  spanId: span.context.spanId,
  ...(span.context.tracestate === '' ? {} : { traceState: span.context.tracestate }),
  ...(span.parentSpanId === undefined ? {} : { parentSpanId: span.parentSpanId }),
  flags: flagSampled,
  name: span.name,
  kind: kinds[span.kind],
  startTimeUnixNano: unixNano(span.startMs),
  endTimeUnixNano: unixNano(span.endMs),
  attributes: keyValues(span.attributes),
  status: span.error === undefined ? {} : { code: statusError, message: span.error },
})

const keyValues = (attributes: SpanAttributes): object[] =>
  Object.entries(attributes).map(([key, value]) => ({ key, value: anyValue(value) }))

const anyValue = (value: string | number | boolean): object => {
  if (typeof value === 'string') return { stringValue: value }
  if (typeof value === 'boolean') return { boolValue: value }
  if (Number.isSafeInteger(value)) return { intValue: String(value) }
  // Protobuf's JSON mapping spells what JSON has no number for.
  return { doubleValue: Number.isFinite(value) ? value : String(value) }
}

/** A double holds today's Unix time to about a quarter of a microsecond, so whole microseconds are what can be told. */
const unixNano = (ms: number): string => `${BigInt(Math.round(ms * 1000))}000`
