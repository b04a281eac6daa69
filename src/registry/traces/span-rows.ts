import type { Queries, SqlValue } from '../../ports/index.ts'
import { placeholders } from '../sql.ts'
import { textOf, withMlflowNames } from './semantic-conventions.ts'
import type { Attributes, ReceivedSpan, Span, SpanStatus } from './trace.ts'
import { spanAttributes } from './trace.ts'

interface SpanRow extends Readonly<Record<string, string | null>> {
  readonly trace_id: string
  readonly span_id: string
  readonly parent_span_id: string | null
  readonly name: string
  readonly status: string
  readonly status_message: string
  readonly start_ns: string
  readonly end_ns: string | null
  readonly attributes: string
  readonly details: string
}

/** What isn't searched by itself; times as text, attributes as objects of JSON texts. */
interface Details {
  readonly kind?: number
  readonly traceState?: string
  readonly events?: readonly { readonly name: string; readonly time: string; readonly attributes: Texts }[]
  readonly links?: readonly { readonly traceId: string; readonly spanId: string; readonly attributes: Texts }[]
}
type Texts = Readonly<Record<string, string>>

/** 20 digits hold every 64-bit number, and are in order as text. */
const digits = (ns: bigint): string => ns.toString().padStart(20, '0')

/** Any names may come, `__proto__` among them: fromEntries makes them properties like any other. */
const texts = (attributes: Attributes): Texts => Object.fromEntries(attributes)
const attributesOf = (stored: Texts): Attributes => new Map(Object.entries(stored))

const columns =
  'trace_id, span_id, parent_span_id, name, type, status, status_message, start_ns, end_ns, usage, attributes, details'

/** A span that came again replaces the one before, unless that has ended and this one has not. */
const putSpan = `INSERT INTO spans (${columns}) VALUES (${placeholders(12)})
  ON CONFLICT (trace_id, span_id) DO UPDATE SET parent_span_id = excluded.parent_span_id, name = excluded.name,
    type = excluded.type, status = excluded.status, status_message = excluded.status_message,
    start_ns = excluded.start_ns, end_ns = excluded.end_ns, usage = excluded.usage,
    attributes = excluded.attributes, details = excluded.details
  WHERE excluded.end_ns IS NOT NULL OR spans.end_ns IS NULL`

const detailsOf = ({ kind, traceState, events, links }: Span): Details => ({
  ...(kind === 0 ? {} : { kind }),
  ...(traceState === '' ? {} : { traceState }),
  ...(events.length === 0
    ? {}
    : {
        events: events.map(({ name, timeNs, attributes }) => ({
          name,
          time: String(timeNs),
          attributes: texts(attributes),
        })),
      }),
  ...(links.length === 0 ? {} : { links: links.map((link) => ({ ...link, attributes: texts(link.attributes) })) }),
})

const spanArgs = (span: Span): SqlValue[] => [
  span.traceId,
  span.spanId,
  span.parentSpanId ?? null,
  span.name,
  textOf(span.attributes.get(spanAttributes.type)) ?? null,
  span.status,
  span.statusMessage,
  digits(span.startNs),
  span.endNs === undefined ? null : digits(span.endNs),
  span.attributes.get(spanAttributes.usage) ?? null,
  JSON.stringify(texts(span.attributes)),
  JSON.stringify(detailsOf(span)),
]

/** The span as it is kept: with MLflow's names beside those of other conventions, and the trace's own id. */
export const keptSpan = (span: ReceivedSpan): ReceivedSpan => {
  const own = new Map(span.attributes).set(spanAttributes.traceId, JSON.stringify(span.traceId))
  return { ...span, attributes: withMlflowNames(own) }
}

export const putSpans = (tx: Queries, spans: readonly Span[]): Promise<void> =>
  tx.executeMany(putSpan, spans.map(spanArgs))

/** The spans of a trace: roots first, then by the time of their start. */
export const readSpans = async (queries: Queries, traceId: string): Promise<Span[]> => {
  const rows = await queries.query<SpanRow>(
    `SELECT ${columns} FROM spans WHERE trace_id = ? ORDER BY CASE WHEN parent_span_id IS NULL THEN 0 ELSE 1 END, start_ns, span_id`,
    [traceId],
  )
  return rows.map(spanOf)
}

const spanOf = (row: SpanRow): Span => {
  const details = JSON.parse(row.details) as Details
  return {
    traceId: row.trace_id,
    spanId: row.span_id,
    parentSpanId: row.parent_span_id ?? undefined,
    name: row.name,
    status: row.status as SpanStatus,
    statusMessage: row.status_message,
    startNs: BigInt(row.start_ns),
    endNs: row.end_ns === null ? undefined : BigInt(row.end_ns),
    kind: details.kind ?? 0,
    traceState: details.traceState ?? '',
    attributes: attributesOf(JSON.parse(row.attributes) as Texts),
    events: (details.events ?? []).map(({ name, time, attributes }) => ({
      name,
      timeNs: BigInt(time),
      attributes: attributesOf(attributes),
    })),
    links: (details.links ?? []).map(({ traceId, spanId, attributes }) => ({
      traceId,
      spanId,
      attributes: attributesOf(attributes),
    })),
  }
}
