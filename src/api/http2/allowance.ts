/** How much of something a peer may do: `burst` at once, and so much a second. */
export class Allowance {
  readonly #burst: number
  readonly #perMs: number
  readonly #now: () => number
  #left: number
  #filledAtMs: number

  constructor(burst: number, perSecond: number, now: () => number) {
    this.#burst = burst
    this.#perMs = perSecond / 1000
    this.#now = now
    this.#left = burst
    this.#filledAtMs = now()
  }

  /** False when nothing is left. */
  take(): boolean {
    if (this.#left < 1) this.#fill()
    if (this.#left < 1) return false
    this.#left -= 1
    return true
  }

  /** For something useful that was done. */
  give(count: number): void {
    this.#left = Math.min(this.#burst, this.#left + count)
  }

  /** Why only when it is used up: the time of an ordinary frame need not be asked for. */
  #fill(): void {
    const nowMs = this.#now()
    this.#left = Math.min(this.#burst, this.#left + (nowMs - this.#filledAtMs) * this.#perMs)
    this.#filledAtMs = nowMs
  }
}
