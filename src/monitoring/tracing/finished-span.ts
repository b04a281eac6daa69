import type { SpanAttributes, SpanContext } from './tracer.ts'

/** A span that ended, as exporters take it. */
export interface FinishedSpan {
  readonly name: string
  readonly kind: 'server' | 'internal'
  readonly context: SpanContext
  readonly parentSpanId: string | undefined
  /** Unix ms with a fraction. */
  readonly startMs: number
  readonly endMs: number
  readonly attributes: SpanAttributes
  /** Code of the error it failed with. */
  readonly error: string | undefined
}

/** Takes spans that ended; must neither wait nor throw. */
export interface SpanExporter {
  add(span: FinishedSpan): void
  close(): Promise<void>
}
