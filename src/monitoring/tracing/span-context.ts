import { formatTraceparent, parseTraceparent } from './traceparent.ts'
import { formatTracestate, parseTracestate } from './tracestate.ts'
import type { SpanContext } from './tracer.ts'

/** The caller's span from its headers; undefined, which starts a new trace, without a valid traceparent. An invalid tracestate is left out. */
export const readSpanContext = (headers: {
  readonly traceparent: string | undefined
  readonly tracestate: string | undefined
}): SpanContext | undefined => {
  const parent = headers.traceparent === undefined ? undefined : parseTraceparent(headers.traceparent)
  if (parent === undefined) return undefined
  const tracestate = formatTracestate(parseTracestate(headers.tracestate ?? '') ?? [])
  return { traceId: parent.traceId, spanId: parent.parentId, sampled: parent.sampled, tracestate }
}

/** Headers that make the next server's spans children of this one. */
export const writeSpanContext = ({ traceId, spanId, sampled, tracestate }: SpanContext): Record<string, string> => ({
  traceparent: formatTraceparent({ traceId, parentId: spanId, sampled }),
  ...(tracestate === '' ? {} : { tracestate }),
})
