import type { ReceivedSpan, SpanEvent, SpanLink, SpanStatus } from '../../../registry/index.ts'

/** Spans of a request, and why others of it can't be kept. */
export interface DecodedSpans {
  readonly spans: readonly ReceivedSpan[]
  readonly rejected: number
  /** Why the first of the rejected was. */
  readonly reason: string | undefined
}

/** A span as OTLP tells it, its ids unchecked. */
export interface RawSpan {
  /** Hex digits. */
  traceId: string
  spanId: string
  parentSpanId: string
  name: string
  kind: number
  traceState: string
  startNs: bigint
  endNs: bigint
  statusCode: number
  statusMessage: string
  readonly attributes: Map<string, string>
  readonly events: SpanEvent[]
  readonly links: SpanLink[]
}

export const emptySpan = (): RawSpan => ({
  traceId: '',
  spanId: '',
  parentSpanId: '',
  name: '',
  kind: 0,
  traceState: '',
  startNs: 0n,
  endNs: 0n,
  statusCode: 0,
  statusMessage: '',
  attributes: new Map(),
  events: [],
  links: [],
})

const traceIdPattern = /^(?!0{32})[0-9a-f]{32}$/
const spanIdPattern = /^(?!0{16})[0-9a-f]{16}$/

const statuses: readonly SpanStatus[] = ['UNSET', 'OK', 'ERROR']

/** Collects the spans of a request, sorting out those whose ids aren't ids. */
export class SpanCollector {
  readonly #spans: ReceivedSpan[] = []
  #rejected = 0
  #reason: string | undefined

  add(raw: RawSpan, resource: ReadonlyMap<string, string>): void {
    const fault = faultOf(raw)
    if (fault !== undefined) {
      this.#rejected++
      this.#reason ??= fault
      return
    }
    this.#spans.push({
      traceId: `tr-${raw.traceId}`,
      spanId: raw.spanId,
      parentSpanId: isNone(raw.parentSpanId) ? undefined : raw.parentSpanId,
      name: raw.name.replaceAll('\0', ''),
      status: statuses[raw.statusCode] ?? 'UNSET',
      statusMessage: raw.statusMessage.replaceAll('\0', ''),
      startNs: raw.startNs,
      endNs: raw.endNs === 0n ? undefined : raw.endNs,
      kind: raw.kind,
      traceState: raw.traceState,
      attributes: raw.attributes,
      events: raw.events,
      links: raw.links.filter((link) => traceIdPattern.test(link.traceId) && spanIdPattern.test(link.spanId)),
      resource,
    })
  }

  get result(): DecodedSpans {
    return { spans: this.#spans, rejected: this.#rejected, reason: this.#reason }
  }
}

/** A parent of nothing but zeros is none, as some senders write it. */
const isNone = (spanId: string): boolean => /^0*$/.test(spanId)

/** Unix ns of the year 2255: later times have ms that no reply can hold exactly as ns. */
const latestNs = 9_000_000_000_000_000_000n

const faultOf = (raw: RawSpan): string | undefined => {
  if (!traceIdPattern.test(raw.traceId)) return 'a trace_id must be 16 bytes, and not all zero'
  if (!spanIdPattern.test(raw.spanId)) return 'a span_id must be 8 bytes, and not all zero'
  if (!isNone(raw.parentSpanId) && !spanIdPattern.test(raw.parentSpanId)) return 'a parent_span_id must be 8 bytes'
  if (raw.startNs > latestNs || raw.endNs > latestNs || raw.startNs < 0n || raw.endNs < 0n)
    return 'a time is out of range'
  return undefined
}
