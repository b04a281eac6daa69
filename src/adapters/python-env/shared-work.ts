export interface Joiner {
  readonly progress: (text: string) => void
  readonly signal: AbortSignal
}

interface Work<T> {
  readonly result: Promise<T>
  readonly joined: Set<Joiner>
  readonly controller: AbortController
  last: string
}

/** One work for all who ask for the same: each is told of its progress, and it is called off when all have left. */
export class SharedWork<T> {
  readonly #works = new Map<string, Work<T>>()

  /** Joins the work of this name, or starts it. Rejects with the work's error, or with the signal's reason. */
  join(name: string, joiner: Joiner, start: (shared: Joiner) => Promise<T>): Promise<T> {
    joiner.signal.throwIfAborted()
    const work = this.#works.get(name) ?? this.#start(name, start)
    work.joined.add(joiner)
    if (work.last !== '') joiner.progress(work.last)
    return new Promise<T>((resolve, reject) => {
      const leave = (): void => {
        joiner.signal.removeEventListener('abort', onAbort)
        work.joined.delete(joiner)
      }
      const onAbort = (): void => {
        leave()
        if (work.joined.size > 0) {
          reject(joiner.signal.reason as Error)
          return
        }
        // Why: the last one waits until nothing is left of it, since the process may end next; who comes now needs a new one.
        if (this.#works.get(name) === work) this.#works.delete(name)
        work.controller.abort(joiner.signal.reason)
      }
      joiner.signal.addEventListener('abort', onAbort)
      const failed = (error: unknown): void =>
        reject(joiner.signal.aborted ? (joiner.signal.reason as Error) : (error as Error))
      work.result.then(resolve, failed).finally(leave)
    })
  }

  #start(name: string, start: (shared: Joiner) => Promise<T>): Work<T> {
    const controller = new AbortController()
    const joined = new Set<Joiner>()
    const progress = (text: string): void => {
      work.last = text
      for (const joiner of joined) joiner.progress(text)
    }
    const result = Promise.resolve().then(() => start({ progress, signal: controller.signal }))
    const work: Work<T> = { result, joined, controller, last: '' }
    this.#works.set(name, work)
    const done = (): void => {
      if (this.#works.get(name) === work) this.#works.delete(name)
    }
    result.then(done, done)
    return work
  }
}
