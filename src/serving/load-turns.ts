import type { Clock } from '../lib/index.ts'
import { FairQueue } from '../lib/index.ts'

export interface LoadTurnsOptions {
  /** Loads at a time. */
  readonly places: number
  readonly clock: Clock
}

/** A load, as its turn depends on it. */
export interface TurnOf {
  readonly model: string
  /** Whether requests wait for it. */
  readonly awaited: boolean
}

/**
 * A load that takes longer gives its place to the next and goes on beside it: it is most likely waiting for a disk or a
 * network, and must not make others wait as well. Every load has a limit of its own, which bounds how many there are.
 */
const placeMsMax = 10_000

/**
 * Bounds how many versions load at a time, without a model holding up another: models take turns, loads that requests
 * wait for alternate with the others and have a place of their own when those have taken all.
 */
export class LoadTurns {
  readonly #options: LoadTurnsOptions
  readonly #awaited = new FairQueue<() => void>()
  readonly #others = new FairQueue<() => void>()
  #placed = 0
  #awaitedPlaced = 0
  #wasAwaited = false

  constructor(options: LoadTurnsOptions) {
    this.#options = options
  }

  async run<T>({ model, awaited }: TurnOf, load: () => Promise<T>): Promise<T> {
    await new Promise<void>((start) => {
      const waiting = awaited ? this.#awaited : this.#others
      waiting.push(model, 1, start)
      this.#startNext()
    })
    let placed = true
    const leave = (): void => {
      if (!placed) return
      placed = false
      this.#placed -= 1
      if (awaited) this.#awaitedPlaced -= 1
      this.#startNext()
    }
    const timer = this.#options.clock.setTimer(leave, placeMsMax)
    try {
      return await load()
    } finally {
      timer.cancel()
      leave()
    }
  }

  #startNext(): void {
    for (;;) {
      const free = this.#placed < this.#options.places
      const mayAwaited = this.#awaited.size > 0 && (free || this.#awaitedPlaced === 0)
      const mayOther = this.#others.size > 0 && free
      if (!mayAwaited && !mayOther) return
      const awaited = mayAwaited && !(mayOther && this.#wasAwaited)
      this.#wasAwaited = awaited
      this.#placed += 1
      if (awaited) this.#awaitedPlaced += 1
      const start = (awaited ? this.#awaited : this.#others).shift()
      start?.()
    }
  }
}
