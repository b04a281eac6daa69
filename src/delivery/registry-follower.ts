import type { Clock, Logger } from '../lib/index.ts'
import { reasonOf } from '../lib/index.ts'
import type { EndpointTarget } from '../registry/index.ts'

export interface RegistryFollowerOptions {
  readonly clock: Clock
  readonly logger: Logger
  readonly pollIntervalMs: number
  /** What every endpoint stands for, as the registry says now. */
  targets(): Promise<readonly EndpointTarget[]>
  /** Begins what the registry says. */
  follow(targets: readonly EndpointTarget[]): Promise<void>
}

/** While moves are made all the time, the registry is asked again only with the next one. */
const triesMax = 5

/** Asks the registry now and then what endpoints stand for, one time after another. */
export class RegistryFollower {
  readonly #options: RegistryFollowerOptions
  /** Counts what would make an answer of the registry stale that was on its way meanwhile. */
  #changes = 0
  #polls: Promise<void> = Promise.resolve()
  #isAway = false
  #isStopped = false

  constructor(options: RegistryFollowerOptions) {
    this.#options = options
  }

  /** Has an answer that is on its way count for nothing. */
  outdate(): void {
    this.#changes += 1
  }

  stop(): void {
    this.#isStopped = true
  }

  /** Asks again and again, the first time after an interval. */
  followOn(): void {
    const { clock, pollIntervalMs } = this.#options
    clock.setTimer(() => {
      if (!this.#isStopped) void this.follow().then(() => this.followOn())
    }, pollIntervalMs)
  }

  /** Asks the registry and begins what it says. */
  follow(): Promise<void> {
    const follow = this.#polls.then(() => this.#followOnce())
    this.#polls = follow
    return follow
  }

  async #followOnce(): Promise<void> {
    const { logger, targets, follow } = this.#options
    try {
      for (let tries = 0; tries < triesMax; tries++) {
        const changes = this.#changes
        const wanted = await targets()
        this.#isAway = false
        if (this.#isStopped) return
        // A move that was made meanwhile is newer than the answer.
        if (changes === this.#changes) return await follow(wanted)
      }
    } catch (error) {
      if (!this.#isAway && !this.#isStopped) logger.warn('endpoints.registry_away', { reason: reasonOf(error) })
      this.#isAway = true
    }
  }
}
