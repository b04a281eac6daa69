/** Runs what concerns one key one after another, in the order of asking; other keys don't wait for it. */
export class Turns {
  readonly #last = new Map<string, Promise<void>>()

  /** Settles as `work` does, which a failure before it doesn't concern. Work must not ask for another turn of its key. */
  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key)
    const turn = Promise.withResolvers<void>()
    this.#last.set(key, turn.promise)
    try {
      await before
      return await work()
    } finally {
      turn.resolve()
      if (this.#last.get(key) === turn.promise) this.#last.delete(key)
    }
  }

  /** Keys with work under way. */
  get size(): number {
    return this.#last.size
  }
}
