import { backoffMs } from '../../lib/index.ts'
import type { Clock, Random } from '../../lib/index.ts'

const restart = { firstMs: 100, maxMs: 10_000 }
/** What worked for this long ends for another reason than before. */
const healthyMs = 60_000

/** Pauses before something is started again: longer with each end, and short again once it has worked for a minute. */
export class RestartPauses {
  readonly #clock: Pick<Clock, 'now'>
  readonly #random: Random
  #ends = 0
  #startedMs: number | undefined

  constructor(clock: Pick<Clock, 'now'>, random: Random) {
    this.#clock = clock
    this.#random = random
  }

  /** Told when it works. */
  started(): void {
    this.#startedMs = this.#clock.now()
  }

  /** Told of its end, or of a start that failed; answers how long to wait. */
  ended(): number {
    if (this.#startedMs !== undefined && this.#clock.now() - this.#startedMs >= healthyMs) this.#ends = 0
    this.#startedMs = undefined
    return backoffMs(this.#ends++, restart, this.#random)
  }
}
