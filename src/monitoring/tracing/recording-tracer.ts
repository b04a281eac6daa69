import type { Clock, Random } from '../../lib/index.ts'
import type { SpanExporter } from './finished-span.ts'
import type { Span, SpanAttributes, SpanContext, SpanStart, Tracer } from './tracer.ts'

export interface RecordingTracerDeps {
  readonly clock: Clock
  readonly random: Random
  readonly exporter: SpanExporter
  /** Share of traces that start here and are kept, 0 to 1; a trace that comes in follows its caller's decision. */
  readonly sampleRatio: number
}

/** Attributes of a span; more are left out. Bounds what one span costs. */
const attributesMax = 64
/** Characters of an attribute; the rest is cut, because some come from clients. */
const attributeCharactersMax = 1024

/** Makes spans with fresh ids and hands the sampled ones to the exporter when they end. */
export class RecordingTracer implements Tracer {
  readonly #deps: RecordingTracerDeps

  constructor(deps: RecordingTracerDeps) {
    this.#deps = deps
  }

  startSpan(start: SpanStart): Span {
    const { random, clock } = this.#deps
    const { parent } = start
    const context: SpanContext = {
      traceId: parent?.traceId ?? randomHex(random, 4),
      spanId: randomHex(random, 2),
      sampled: parent === undefined ? random.next() < this.#deps.sampleRatio : parent.sampled,
      tracestate: parent?.tracestate ?? '',
    }
    if (!context.sampled) return new SilentSpan(context)
    return new RecordedSpan(context, { ...start, startMs: start.startMs ?? clock.wallMs() }, this.#deps)
  }

  close(): Promise<void> {
    return this.#deps.exporter.close()
  }
}

/** Only passes its context on. */
class SilentSpan implements Span {
  readonly context: SpanContext
  readonly recording = false

  constructor(context: SpanContext) {
    this.context = context
  }

  setAttributes(): void {}
  fail(): void {}
  end(): void {}
}

class RecordedSpan implements Span {
  readonly context: SpanContext
  readonly #start: SpanStart & { readonly startMs: number }
  readonly #deps: RecordingTracerDeps
  readonly #attributes: Record<string, string | number | boolean> = {}
  #attributeCount = 0
  #error: string | undefined
  #ended = false

  constructor(context: SpanContext, start: SpanStart & { readonly startMs: number }, deps: RecordingTracerDeps) {
    this.context = context
    this.#start = start
    this.#deps = deps
    this.setAttributes(start.attributes ?? {})
  }

  get recording(): boolean {
    return !this.#ended
  }

  setAttributes(attributes: SpanAttributes): void {
    if (this.#ended) return
    for (const [name, value] of Object.entries(attributes)) {
      const isNew = !Object.hasOwn(this.#attributes, name)
      if (isNew && this.#attributeCount === attributesMax) continue
      if (isNew) this.#attributeCount += 1
      this.#attributes[name] = typeof value === 'string' ? value.slice(0, attributeCharactersMax) : value
    }
  }

  fail(code: string): void {
    if (!this.#ended) this.#error = code
  }

  end(endMs: number = this.#deps.clock.wallMs()): void {
    if (this.#ended) return
    this.#ended = true
    const { name, kind, parent, startMs } = this.#start
    this.#deps.exporter.add({
      name,
      kind,
      context: this.context,
      parentSpanId: parent?.spanId,
      startMs,
      // Civil time may have been set back meanwhile.
      endMs: Math.max(startMs, endMs),
      attributes: this.#attributes,
      error: this.#error,
    })
  }
}

/** Words of 32 random bits as hexadecimal digits; never all zero, which would be no id (Trace Context, section 3.2.2). */
const randomHex = (random: Random, words: number): string => {
  let text = ''
  for (let index = 0; index < words; index++) {
    text += Math.floor(random.next() * 2 ** 32)
      .toString(16)
      .padStart(8, '0')
  }
  return /^0+$/.test(text) ? `${text.slice(1)}1` : text
}
