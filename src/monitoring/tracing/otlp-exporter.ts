import type { Clock, Logger, Random, Timer } from '../../lib/index.ts'
import { backoffMs, sleep } from '../../lib/index.ts'
import type { FinishedSpan, SpanExporter } from './finished-span.ts'
import { otlpTraceBody } from './otlp-json.ts'
import { retryAfterMs } from './retry-after.ts'
import type { SpanAttributes } from './tracer.ts'

export interface PostRequest {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** Aborted when the answer is no longer waited for. */
  readonly signal: AbortSignal
}

/** Sends one HTTP POST; rejects when no answer comes. */
export type Post = (
  request: PostRequest,
) => Promise<{ readonly status: number; readonly retryAfter: string | undefined }>

export interface OtlpExporterOptions {
  /** Base URL of the collector; traces go to its /v1/traces. */
  readonly endpoint: string
  readonly headers: Readonly<Record<string, string>>
  readonly resource: SpanAttributes
  readonly scope: { readonly name: string; readonly version: string }
  readonly limits?: Partial<OtlpLimits>
}

export interface OtlpLimits {
  /** Spans that wait; further ones are dropped: a slow collector must not cost memory. */
  readonly spansMax: number
  /** Spans of one request: keeps its JSON within a few hundred kilobytes, written in about a millisecond. */
  readonly batchMax: number
  readonly intervalMs: number
  readonly timeoutMs: number
  /** Tries of one batch, the first among them. */
  readonly triesMax: number
  /** Longest delay between two tries, whatever the collector asks for. */
  readonly delayMsMax: number
  /** Longest that `close` waits. */
  readonly closeMs: number
}

const limitsDefault: OtlpLimits = {
  spansMax: 4096,
  batchMax: 256,
  intervalMs: 5000,
  timeoutMs: 10_000,
  triesMax: 5,
  delayMsMax: 30_000,
  closeMs: 5000,
}

/** Answers after which the same request may be sent again (OTLP 1.x, section "Retryable Response Codes"). */
const retryable = new Set([429, 502, 503, 504])
const retryFirstMs = 1000

type Sent = 'taken' | 'refused' | { readonly retryAfterMs: number | undefined }

export interface OtlpExporterDeps {
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly post: Post
}

/** Sends spans in batches to an OpenTelemetry collector by OTLP over HTTP in JSON; one request at a time, beside the requests of clients. */
export class OtlpExporter implements SpanExporter {
  readonly #options: OtlpExporterOptions
  readonly #deps: OtlpExporterDeps
  readonly #limits: OtlpLimits
  readonly #waiting: FinishedSpan[] = []
  readonly #closing = new AbortController()
  #timer: Timer | undefined
  #timerIsDue = false
  #sending: Promise<void> | undefined
  #closed: Promise<void> | undefined
  #droppedSpans = 0

  constructor(options: OtlpExporterOptions, deps: OtlpExporterDeps) {
    this.#options = options
    this.#deps = deps
    this.#limits = { ...limitsDefault, ...options.limits }
  }

  /** Spans that no collector will see: no room, refused, not taken in time. */
  get droppedSpans(): number {
    return this.#droppedSpans
  }

  add(span: FinishedSpan): void {
    if (this.#closed !== undefined || this.#waiting.length >= this.#limits.spansMax) {
      this.#droppedSpans += 1
      return
    }
    this.#waiting.push(span)
    this.#arm()
  }

  /** Sends what waits for up to `closeMs`, then drops the rest. */
  close(): Promise<void> {
    this.#closed ??= this.#finish()
    return this.#closed
  }

  /** A timer even for a full batch: writing its JSON isn't left to the request that filled it. */
  #arm(): void {
    if (this.#sending !== undefined || this.#closed !== undefined || this.#waiting.length === 0) return
    const isDue = this.#waiting.length >= this.#limits.batchMax
    if (this.#timer !== undefined && (this.#timerIsDue || !isDue)) return
    this.#timer?.cancel()
    this.#timerIsDue = isDue
    this.#timer = this.#deps.clock.setTimer(
      () => {
        this.#timer = undefined
        this.#sending = this.#sendBatch().finally(() => {
          this.#sending = undefined
          this.#arm()
        })
      },
      isDue ? 0 : this.#limits.intervalMs,
    )
  }

  async #finish(): Promise<void> {
    this.#timer?.cancel()
    this.#timer = undefined
    const end = this.#deps.clock.setTimer(() => this.#closing.abort(), this.#limits.closeMs)
    await this.#sending
    while (this.#waiting.length > 0 && !this.#closing.signal.aborted) await this.#sendBatch()
    end.cancel()
    this.#droppedSpans += this.#waiting.splice(0).length
    if (this.#droppedSpans > 0) this.#deps.logger.warn('tracing.dropped', { spans: this.#droppedSpans })
  }

  /** Never rejects. */
  async #sendBatch(): Promise<void> {
    const spans = this.#waiting.splice(0, this.#limits.batchMax)
    const body = otlpTraceBody(spans, { attributes: this.#options.resource, scope: this.#options.scope })
    const { clock, random } = this.#deps
    const { triesMax, delayMsMax } = this.#limits
    for (let tries = 1; !this.#closing.signal.aborted; tries++) {
      const sent = await this.#try(body)
      if (sent === 'taken') return
      if (sent === 'refused' || tries === triesMax) break
      const backoff = backoffMs(tries - 1, { firstMs: retryFirstMs, maxMs: delayMsMax }, random)
      await unlessAborted(sleep(clock, Math.min(delayMsMax, sent.retryAfterMs ?? backoff)), this.#closing.signal)
    }
    this.#droppedSpans += spans.length
    this.#deps.logger.warn('tracing.export_failed', { spans: spans.length })
  }

  async #try(body: string): Promise<Sent> {
    const { clock, post } = this.#deps
    const { endpoint, headers } = this.#options
    const giveUp = new AbortController()
    const abort = (): void => giveUp.abort()
    const timer = clock.setTimer(abort, this.#limits.timeoutMs)
    this.#closing.signal.addEventListener('abort', abort)
    const { signal } = giveUp
    const url = `${endpoint.replace(/\/+$/, '')}/v1/traces`
    try {
      const sent = post({ url, headers: { ...headers, 'content-type': 'application/json' }, body, signal })
      // A post that ignores its signal must not hold up the spans behind it.
      const answer = await unlessAborted(sent, signal)
      if (answer === undefined) return { retryAfterMs: undefined }
      if (answer.status >= 200 && answer.status < 300) return 'taken'
      if (!retryable.has(answer.status)) return 'refused'
      return { retryAfterMs: retryAfterMs(answer.retryAfter, clock.wallMs()) }
    } catch {
      return { retryAfterMs: undefined }
    } finally {
      timer.cancel()
      this.#closing.signal.removeEventListener('abort', abort)
    }
  }
}

/** What `work` gives, or undefined as soon as the signal is aborted; leaves no listener behind. */
const unlessAborted = async <T>(work: Promise<T>, signal: AbortSignal): Promise<T | undefined> => {
  if (signal.aborted) return undefined
  const { promise, resolve } = Promise.withResolvers<undefined>()
  const stop = (): void => resolve(undefined)
  signal.addEventListener('abort', stop)
  try {
    return await Promise.race([work, promise])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
