import type { Entry } from './waiting.ts'

/**
 * First in, first out, with removal from the middle in constant time: a doubly linked list through the entries, so a
 * request that is cancelled or expires leaves nothing behind.
 */
export class Lane<T> {
  /** Lanes of a lower rank are served first. */
  readonly rank: number
  #head: Entry<T> | undefined
  #tail: Entry<T> | undefined
  #size = 0

  constructor(rank: number) {
    this.rank = rank
  }

  get head(): Entry<T> | undefined {
    return this.#head
  }

  get tail(): Entry<T> | undefined {
    return this.#tail
  }

  get size(): number {
    return this.#size
  }

  append(entry: Entry<T>): void {
    entry.lane = this
    entry.previous = this.#tail
    if (this.#tail === undefined) this.#head = entry
    else this.#tail.next = entry
    this.#tail = entry
    this.#size++
  }

  /** The entry must be in this lane. */
  remove(entry: Entry<T>): void {
    const { previous, next } = entry
    if (previous === undefined) this.#head = next
    else previous.next = next
    if (next === undefined) this.#tail = previous
    else next.previous = previous
    entry.previous = undefined
    entry.next = undefined
    entry.lane = undefined
    this.#size--
  }
}
