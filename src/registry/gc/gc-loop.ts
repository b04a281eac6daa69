import type { Clock, Timer } from '../../lib/index.ts'
import type { GarbageCollector } from './garbage-collector.ts'

export interface GcSchedule {
  /** 0 for never. */
  readonly everyMs: number
  readonly olderThanMs: number
}

const blobAgeMs = 3_600_000
const pageItems = 1000
const actor = { name: 'slipway', reason: 'scheduled' }

export interface GcLoopDeps {
  readonly collector: GarbageCollector
  readonly clock: Clock
  /** Told of what ended a round early; the next one goes on. */
  failed(error: unknown): void
}

/** Collects garbage again and again. What can't be done now, with the database or the store away, waits for the next time. */
export class GcLoop {
  readonly #schedule: GcSchedule
  readonly #deps: GcLoopDeps
  #timer: Timer | undefined
  #round: Promise<void> = Promise.resolve()
  #stopped = false

  constructor(schedule: GcSchedule, deps: GcLoopDeps) {
    this.#schedule = schedule
    this.#deps = deps
  }

  start(): void {
    if (this.#schedule.everyMs === 0 || this.#stopped) return
    this.#timer = this.#deps.clock.setTimer(() => {
      this.#round = this.#collect().then(() => this.start())
    }, this.#schedule.everyMs)
  }

  /** Waits for the page that is being worked on. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#timer?.cancel()
    await this.#round
  }

  async #collect(): Promise<void> {
    let pageToken: string | undefined
    try {
      do {
        const { olderThanMs } = this.#schedule
        const query = { remove: true, olderThanMs, blobAgeMs, limit: pageItems, pageToken, actor }
        ;({ nextPageToken: pageToken } = await this.#deps.collector.page(query))
      } while (pageToken !== undefined && !this.#stopped)
    } catch (error) {
      this.#deps.failed(error)
    }
  }
}
