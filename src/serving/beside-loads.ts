/** A load of one version while the change of its model that it doesn't belong to is under way. */
interface BesideLoad {
  readonly calledOff: AbortController
  readonly done: Promise<void>
}

/**
 * Loads of versions that requests wait for, made beside a change of their model that takes its time. The next change
 * waits until they have ended.
 */
export class BesideLoads {
  readonly #underWay = new Set<BesideLoad>()
  #changes = 0

  /** Whether a change is under way that lets others load beside it. */
  get areTaken(): boolean {
    return this.#changes > 0
  }

  /** Takes loads as long as a change is under way. When it was made, what still loads is called off; else it goes on. */
  async during(change: () => Promise<void>): Promise<void> {
    this.#changes += 1
    try {
      await change()
      for (const { calledOff } of this.#underWay) calledOff.abort(new Error('another change came first'))
    } finally {
      this.#changes -= 1
    }
  }

  /** Runs a load, which is to end soon once its signal is aborted. */
  run(load: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const calledOff = new AbortController()
    const loaded = load(calledOff.signal)
    const done = loaded.catch(() => undefined)
    const underWay = { calledOff, done }
    this.#underWay.add(underWay)
    void done.then(() => this.#underWay.delete(underWay))
    return loaded
  }

  /** Resolves when those that are under way now have ended; never rejects. */
  async ended(): Promise<void> {
    await Promise.all([...this.#underWay].map(({ done }) => done))
  }
}
