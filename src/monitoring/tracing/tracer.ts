/** Where a span stands: what its children and the next server need to know. */
export interface SpanContext {
  /** 32 hexadecimal digits. */
  readonly traceId: string
  /** 16 hexadecimal digits. */
  readonly spanId: string
  readonly sampled: boolean
  /** W3C tracestate as it is passed on; empty for none. */
  readonly tracestate: string
}

export type SpanAttributes = Readonly<Record<string, string | number | boolean>>

export interface SpanStart {
  readonly name: string
  readonly kind: 'server' | 'internal'
  /** A span of this server, or what `readSpanContext` made of a caller's headers; undefined starts a trace. */
  readonly parent: SpanContext | undefined
  /** Unix ms with a fraction; now if absent. */
  readonly startMs?: number
  readonly attributes?: SpanAttributes
}

/** One timed step. Nothing is kept of it before `end`; after `end` nothing changes it. */
export interface Span {
  /** Undefined when nothing is traced at all. */
  readonly context: SpanContext | undefined
  /** False when whatever is set would be thrown away, so that it needn't be computed. */
  readonly recording: boolean
  setAttributes(attributes: SpanAttributes): void
  /** Marks the span as failed with an error code. */
  fail(code: string): void
  /** Ends at Unix ms, or now; further calls do nothing. */
  end(endMs?: number): void
}

export interface Tracer {
  startSpan(start: SpanStart): Span
  /** Sends what is held back, as far as the collector takes it in time. */
  close(): Promise<void>
}

const noSpan: Span = Object.freeze({
  context: undefined,
  recording: false,
  setAttributes() {},
  fail() {},
  end() {},
})

/** Traces nothing; one shared span, so it allocates nothing. */
export const noTracer: Tracer = {
  startSpan: () => noSpan,
  close: () => Promise.resolve(),
}
