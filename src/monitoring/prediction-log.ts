import type { Clock, LogFields, Logger } from '../lib/index.ts'

/** One prediction as the log tells it. */
export interface LoggedPrediction {
  readonly requestId: string
  readonly model: string
  readonly version: string
  readonly protocol: string
  /** W3C traceparent of the caller, as received. */
  readonly traceparent: string | undefined
  readonly elapsedMs: number
}

export interface PredictionFailure {
  readonly code: string
  readonly category: 'client' | 'model' | 'infrastructure'
}

export interface PredictionLogOptions {
  /** Share of answered predictions that are logged. */
  readonly answeredRatio: number
}

interface Window {
  endsAtMs: number
  lines: number
  leftOut: number
}

/** Lines of a model and a code within a second; the rest is counted. */
const linesMax = 5
const windowMs = 1000
/** Models and codes that are counted apart; beyond, they share the bound of one. */
const windowsMax = 1000
const textLengthMax = 1000
const idLengthMax = 128

/** Logs predictions: failures that a model or the server is to blame for, within bounds, and a share of the others. */
export class PredictionLog {
  readonly #logger: Logger
  readonly #clock: Clock
  readonly #ratio: number
  readonly #windows = new Map<string, Window>()
  #due = 0

  constructor(logger: Logger, clock: Clock, { answeredRatio }: PredictionLogOptions) {
    this.#logger = logger
    this.#clock = clock
    this.#ratio = answeredRatio
  }

  /** Whether the next answered prediction is to be logged: asked before anything is made for its line. */
  takesAnswered(): boolean {
    if (this.#ratio === 0) return false
    this.#due += this.#ratio
    if (this.#due < 1) return false
    this.#due -= 1
    return true
  }

  answered(prediction: LoggedPrediction): void {
    this.#logger.info('prediction.answered', fieldsOf(prediction))
  }

  /** Whether a failure is to be logged, which counts it: asked before anything is made for its line, since floods fail too. */
  takesFailed(
    { model, version }: Pick<LoggedPrediction, 'model' | 'version'>,
    { code, category }: PredictionFailure,
  ): boolean {
    // Why: a name that no version answers to may be the caller's invention.
    return this.#hasRoom(category === 'client' || version === '' ? '' : model, code)
  }

  /** One that was asked for. */
  failed(prediction: LoggedPrediction, { code, category }: PredictionFailure, error: Error): void {
    const fields = { ...fieldsOf(prediction), code, reason: error.message.slice(0, textLengthMax) }
    if (category === 'client') this.#logger.debug('prediction.refused', fields)
    // What nobody expected is told with its causes.
    else if (code === 'internal') this.#logger.error('prediction.failed', { ...fields, error })
    else this.#logger.warn('prediction.failed', fields)
  }

  #hasRoom(model: string, code: string): boolean {
    const now = this.#clock.now()
    const wanted = `${model}\u0000${code}`
    if (this.#windows.size >= windowsMax && !this.#windows.has(wanted)) this.#dropOver(now)
    const key = this.#windows.has(wanted) || this.#windows.size < windowsMax ? wanted : ''
    const window = this.#windows.get(key) ?? { endsAtMs: now + windowMs, lines: 0, leftOut: 0 }
    this.#windows.set(key, window)
    if (now >= window.endsAtMs) {
      window.endsAtMs = now + windowMs
      window.lines = 0
    }
    if (window.lines === linesMax) {
      if (window.leftOut === 0) this.#clock.setTimer(() => this.#tellLeftOut(model, code, key), window.endsAtMs - now)
      window.leftOut += 1
      return false
    }
    window.lines += 1
    return true
  }

  #dropOver(now: number): void {
    for (const [key, { endsAtMs, leftOut }] of this.#windows)
      if (now >= endsAtMs && leftOut === 0) this.#windows.delete(key)
  }

  #tellLeftOut(model: string, code: string, key: string): void {
    const window = this.#windows.get(key)
    this.#windows.delete(key)
    if (window === undefined) return
    const of = key === '' ? {} : { model, code }
    this.#logger.warn('prediction.left_out', { ...of, lines: window.leftOut })
  }
}

const fieldsOf = ({ requestId, model, version, protocol, traceparent, elapsedMs }: LoggedPrediction): LogFields => {
  const traceId = traceparent === undefined ? undefined : /^[0-9a-f]{2}-([0-9a-f]{32})-/.exec(traceparent)?.[1]
  return {
    requestId: requestId.slice(0, idLengthMax),
    model: model.slice(0, idLengthMax),
    version,
    protocol,
    elapsedMs: Math.round(elapsedMs * 1000) / 1000,
    ...(traceId === undefined ? {} : { traceId }),
  }
}
