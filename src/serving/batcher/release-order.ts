import { assert } from '../../lib/index.ts'

/**
 * Gives results out in the order in which their requests arrived, although instances finish in any order. Refusals
 * and cancellations are results too. What is held back is bounded by the requests admitted and not yet settled.
 */
export class ReleaseOrder<T> {
  readonly #held = new Map<number, { readonly result: T }>()
  #admitted = 0
  #next = 0

  /** Results that wait for an earlier one. */
  get held(): number {
    return this.#held.size
  }

  /** Takes the next place in the order, counting from 0; every place has to be settled once. */
  admit(): number {
    return this.#admitted++
  }

  /** The results that may leave now, in order: this one and those it held back, or none while an earlier is open. */
  settle(place: number, result: T): T[] {
    const open = place >= this.#next && place < this.#admitted && !this.#held.has(place)
    assert(open, 'a place is settled once, after it was admitted')
    this.#held.set(place, { result })
    const results: T[] = []
    for (let ready = this.#held.get(this.#next); ready !== undefined; ready = this.#held.get(this.#next)) {
      this.#held.delete(this.#next++)
      results.push(ready.result)
    }
    return results
  }
}
