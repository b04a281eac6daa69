interface Entry<T> {
  readonly item: T
  readonly cost: number
}

/** What one owner has waiting. */
interface Line<T> {
  readonly entries: Entry<T>[]
  /** Of all entries. */
  cost: number
  /** What its owner has been given, counted on the clock that all owners share. */
  given: number
}

/**
 * Work of several owners for one worker: whose share so far is the smallest is served next, and each owner's work in
 * order of arrival. However much others put in, an owner with work waiting gets its equal part of what is done, give or
 * take two pieces of each (start-time fair queueing). Owners are few and known.
 */
export class FairQueue<T> {
  readonly #lines = new Map<string, Line<T>>()
  /** The share of whom was served last: who comes back has no claim on the time it did not ask for. */
  #served = 0
  #size = 0

  get size(): number {
    return this.#size
  }

  /** `cost` is in whatever unit the worker's time is shared by. */
  push(owner: string, cost: number, item: T): void {
    let line = this.#lines.get(owner)
    if (line === undefined) {
      line = { entries: [], cost: 0, given: this.#served }
      this.#lines.set(owner, line)
    }
    if (line.entries.length === 0) line.given = Math.max(line.given, this.#served)
    line.entries.push({ item, cost })
    line.cost += cost
    this.#size++
  }

  shift(): T | undefined {
    let next: Line<T> | undefined
    for (const [owner, line] of this.#lines) {
      if (line.entries.length > 0) {
        if (next === undefined || line.given < next.given) next = line
      } else if (line.given <= this.#served) this.#lines.delete(owner)
    }
    const entry = next?.entries.shift()
    if (next === undefined || entry === undefined) return undefined
    this.#served = next.given
    next.given += entry.cost
    this.#leave(next, entry)
    return entry.item
  }

  /** Takes one out that its owner no longer wants; false when it is not here. */
  remove(owner: string, item: T): boolean {
    const line = this.#lines.get(owner)
    const index = line?.entries.findIndex((entry) => entry.item === item) ?? -1
    const [entry] = index < 0 ? [] : (line?.entries.splice(index, 1) ?? [])
    if (line === undefined || entry === undefined) return false
    this.#leave(line, entry)
    return true
  }

  /**
   * Makes room in a full queue for work of `owner`: takes out, latest first, what those have waiting who have more than
   * it will have, until `fits`. Takes out nothing, and answers undefined, when that would not do.
   */
  displace(owner: string, cost: number, fits: (displaced: readonly T[]) => boolean): readonly T[] | undefined {
    const own = (this.#lines.get(owner)?.cost ?? 0) + cost
    const left = new Map(
      [...this.#lines].map(([name, { entries, cost: sum }]) => [name, { entries: [...entries], sum }]),
    )
    const displaced: { readonly owner: string; readonly item: T }[] = []
    while (!fits(displaced.map(({ item }) => item))) {
      const [name, largest] = [...left].reduce((a, b) => (b[1].sum > a[1].sum ? b : a), ['', { entries: [], sum: 0 }])
      const last = largest.sum > own ? largest.entries.pop() : undefined
      if (last === undefined) return undefined
      largest.sum -= last.cost
      displaced.push({ owner: name, item: last.item })
    }
    for (const { owner: name, item } of displaced) this.remove(name, item)
    return displaced.map(({ item }) => item)
  }

  #leave(line: Line<T>, entry: Entry<T>): void {
    line.cost -= entry.cost
    this.#size--
  }
}
