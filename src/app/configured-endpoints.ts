import { backoffMs, reasonOf } from '../lib/index.ts'
import type { Clock, Logger, Random, Timer } from '../lib/index.ts'
import { parseModelReference, requireEndpointName } from '../registry/index.ts'

export interface ConfiguredEndpointsDeps {
  /** `NAME=REFERENCE` each. */
  readonly wanted: readonly string[]
  make(name: string, reference: string): Promise<unknown>
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

const retry = { firstMs: 1000, maxMs: 60_000 }

/**
 * Makes the endpoints that the configuration names. What can't be made yet, since its alias isn't set or the database is
 * away, is told in the log and tried again.
 */
export class ConfiguredEndpoints {
  readonly #deps: ConfiguredEndpointsDeps
  readonly #timers = new Set<Timer>()
  #closed = false

  /** Throws for text of another form. */
  constructor(deps: ConfiguredEndpointsDeps) {
    const wrong = deps.wanted.find((text) => !/^[^=]+=.+$/.test(text))
    if (wrong !== undefined)
      throw new Error(`--endpoint '${wrong}' is not NAME=REFERENCE, for example fraud=models:/fraud@champion`)
    const names = new Set<string>()
    for (const [name, reference] of deps.wanted.map(partsOf)) {
      requireReadable(name, reference)
      if (names.has(name)) throw new Error(`--endpoint names '${name}' twice; an endpoint follows one reference`)
      names.add(name)
    }
    this.#deps = deps
  }

  /** Resolved once each was tried once. */
  async start(): Promise<void> {
    await Promise.all(this.#deps.wanted.map((text) => this.#try(text, 0, '')))
  }

  stop(): void {
    this.#closed = true
    for (const timer of this.#timers) timer.cancel()
  }

  async #try(text: string, attempt: number, toldReason: string): Promise<void> {
    const { make, clock, random, logger } = this.#deps
    try {
      await make(...partsOf(text))
    } catch (error) {
      if (this.#closed) return
      const reason = reasonOf(error)
      if (reason !== toldReason) logger.warn('endpoint.not_made', { endpoint: text, reason })
      const timer = clock.setTimer(
        () => {
          this.#timers.delete(timer)
          void this.#try(text, attempt + 1, reason)
        },
        backoffMs(attempt, retry, random),
      )
      this.#timers.add(timer)
    }
  }
}

const partsOf = (text: string): [name: string, reference: string] => {
  const equals = text.indexOf('=')
  return [text.slice(0, Math.max(0, equals)), text.slice(equals + 1)]
}

/** What no try can mend is told at once. */
const requireReadable = (name: string, reference: string): void => {
  try {
    requireEndpointName(name)
    parseModelReference(reference)
  } catch (error) {
    throw new Error(`--endpoint '${name}=${reference}': ${reasonOf(error)}`, { cause: error })
  }
}
