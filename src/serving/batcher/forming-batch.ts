import type { BatchBounds } from './batch-options.ts'
import type { Lane } from './lane.ts'
import type { Entry } from './waiting.ts'

/** Why nothing more joins for now: nothing waits, the next does not fit, or it has another shape. */
export type Growth = 'open' | 'full' | 'shape'

/**
 * The requests at the front of the lanes that fit into one batch. It is remembered between questions and only
 * continued by new arrivals, so asking after every arrival does not count the same requests again; it starts over
 * when a request inside it leaves or one arrives in front of its end.
 */
export class FormingBatch<T> {
  readonly #lanes: readonly Lane<T>[]
  readonly #bounds: BatchBounds
  readonly #preferred: ReadonlySet<number>
  readonly #preferredRowsMax: number
  #last: Entry<T> | undefined
  #generation = 1
  #count = 0
  #rows = 0
  #bytes = 0
  #oldestMs = Infinity
  #preferredCount = 0
  #isPreferred = false

  /** `lanes` in the order in which they are served. */
  constructor(lanes: readonly Lane<T>[], bounds: BatchBounds, preferredRows: readonly number[]) {
    this.#lanes = lanes
    this.#bounds = bounds
    this.#preferred = new Set(preferredRows)
    this.#preferredRowsMax = preferredRows.length === 0 ? Infinity : Math.max(...preferredRows)
  }

  get count(): number {
    return this.#count
  }

  get rows(): number {
    return this.#rows
  }

  /** Whether it goes beyond a bound, as only a single request can. */
  get oversize(): boolean {
    return this.#rows > this.#bounds.rowsMax || this.#bytes > this.#bounds.bytesMax
  }

  /** Arrival of its oldest request, ms. */
  get oldestMs(): number {
    return this.#oldestMs
  }

  /**
   * Requests at its front that make up the largest preferred size it has passed; or, where it passed none, those that
   * came before it outgrew all of them; else 0.
   */
  get preferredCount(): number {
    return this.#preferredCount
  }

  /** Whether those requests have a preferred size. */
  get isPreferred(): boolean {
    return this.#isPreferred
  }

  /** Takes in what fits. The first request always does, whatever its size. */
  grow(): Growth {
    const { rowsMax, bytesMax } = this.#bounds
    for (;;) {
      const entry = this.#last === undefined ? this.#head(0) : this.#after(this.#last)
      if (entry === undefined) return this.#rows >= rowsMax || this.#bytes >= bytesMax ? 'full' : 'open'
      if (this.#last !== undefined) {
        if (this.#rows + entry.rows > rowsMax || this.#bytes + entry.bytes > bytesMax) return 'full'
        if (entry.shapeKey !== this.#last.shapeKey) return 'shape'
      }
      this.#include(entry)
    }
  }

  /** The first `count` requests of all that wait. */
  front(count: number): Entry<T>[] {
    const entries: Entry<T>[] = []
    let entry = this.#head(0)
    while (entry !== undefined && entries.length < count) {
      entries.push(entry)
      entry = this.#after(entry)
    }
    return entries
  }

  /** To be called after an entry was appended to its lane. */
  arrived(rank: number): void {
    if (this.#last?.lane !== undefined && rank < this.#last.lane.rank) this.#startOver()
  }

  /** To be called before an entry is taken out of its lane. */
  leaving(entry: Entry<T>): void {
    if (entry.formedIn === this.#generation) this.#startOver()
  }

  #include(entry: Entry<T>): void {
    if (this.#preferredCount === 0 && this.#rows + entry.rows > this.#preferredRowsMax)
      this.#preferredCount = this.#count
    entry.formedIn = this.#generation
    this.#last = entry
    this.#count++
    this.#rows += entry.rows
    this.#bytes += entry.bytes
    this.#oldestMs = Math.min(this.#oldestMs, entry.arrivedMs)
    if (this.#preferred.has(this.#rows)) {
      this.#preferredCount = this.#count
      this.#isPreferred = true
    }
  }

  #startOver(): void {
    this.#generation++
    this.#last = undefined
    this.#count = 0
    this.#rows = 0
    this.#bytes = 0
    this.#oldestMs = Infinity
    this.#preferredCount = 0
    this.#isPreferred = false
  }

  #after(entry: Entry<T>): Entry<T> | undefined {
    if (entry.next !== undefined) return entry.next
    return entry.lane === undefined ? undefined : this.#head(entry.lane.rank + 1)
  }

  #head(fromRank: number): Entry<T> | undefined {
    for (let rank = fromRank; rank < this.#lanes.length; rank++) {
      const head = this.#lanes[rank]?.head
      if (head !== undefined) return head
    }
    return undefined
  }
}
