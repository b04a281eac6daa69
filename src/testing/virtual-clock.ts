import { type Clock, deferToCheckPhase, type Timer } from '../lib/index.ts'

interface Pending {
  readonly atMs: number
  readonly fn: () => void
  cancelled: boolean
}

/** More timers than this in one call means that a timer re-arms itself without time passing. */
const timersMax = 1_000_000

/**
 * Time that moves only when a test says so. Timers fire in order of their time, equal times in the order in which
 * they were set. Before and after every timer all microtasks run, so that code behind `await` keeps its place in time.
 */
export class VirtualClock implements Clock {
  /** Sorted by time, then by age. */
  readonly #pending: Pending[] = []
  readonly #wallOffsetMs: number
  #nowMs: number

  constructor({ nowMs = 0, wallMs = 1_700_000_000_000 }: { nowMs?: number; wallMs?: number } = {}) {
    this.#nowMs = nowMs
    this.#wallOffsetMs = wallMs - nowMs
  }

  now(): number {
    return this.#nowMs
  }

  wallMs(): number {
    return this.#wallOffsetMs + this.#nowMs
  }

  setTimer(fn: () => void, delayMs: number): Timer {
    const pending: Pending = { atMs: this.#nowMs + Math.max(0, delayMs), fn, cancelled: false }
    const after = this.#pending.findLastIndex(({ atMs }) => atMs <= pending.atMs)
    this.#pending.splice(after + 1, 0, pending)
    return {
      cancel: () => {
        pending.cancelled = true
      },
    }
  }

  /** Timers that would still fire. */
  get timerCount(): number {
    return this.#pending.filter(({ cancelled }) => !cancelled).length
  }

  /** Lets `ms` pass and fires what becomes due, also timers set meanwhile. */
  async advance(ms: number): Promise<void> {
    await this.advanceTo(this.#nowMs + ms)
  }

  /** Like `advance`, up to and including the instant `ms`; an instant in the past throws. */
  async advanceTo(ms: number): Promise<void> {
    if (!(ms >= this.#nowMs)) throw new RangeError(`cannot go from ${this.#nowMs} ms back to ${ms} ms`)
    await this.#fireUntil(ms)
    this.#nowMs = ms
  }

  /** Fires timers until none is left; the clock stops at the last one. */
  async runUntilIdle(): Promise<void> {
    await this.#fireUntil(Infinity)
  }

  async #fireUntil(endMs: number): Promise<void> {
    await settled()
    for (let fired = 0; ; fired++) {
      const pending = this.#shiftDue(endMs)
      if (pending === undefined) return
      if (fired === timersMax) throw new Error(`still busy after ${timersMax} timers at ${this.#nowMs} ms`)
      this.#nowMs = pending.atMs
      pending.fn()
      await settled()
    }
  }

  #shiftDue(endMs: number): Pending | undefined {
    for (;;) {
      const first = this.#pending[0]
      if (first === undefined) return undefined
      if (!first.cancelled && first.atMs > endMs) return undefined
      this.#pending.shift()
      if (!first.cancelled) return first
    }
  }
}

/** Resolves once the microtask queue is empty: the check phase never starts before that. */
const settled = (): Promise<void> => new Promise((resolve) => deferToCheckPhase(resolve))
