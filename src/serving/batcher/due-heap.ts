import type { Entry } from './waiting.ts'

/**
 * Entries by the instant at which they are due, ties by arrival: a binary heap in which every entry knows its place,
 * so that one which leaves early is taken out in O(log n) and holds no memory until its time comes.
 */
export class DueHeap<T> {
  readonly #entries: Entry<T>[] = []

  peek(): Entry<T> | undefined {
    return this.#entries[0]
  }

  push(entry: Entry<T>): void {
    this.#entries.push(entry)
    this.#rise(entry, this.#entries.length - 1)
  }

  /** Does nothing for an entry that is not in the heap. */
  remove(entry: Entry<T>): void {
    const index = entry.heapIndex
    if (index < 0) return
    entry.heapIndex = -1
    const last = this.#entries.pop()
    if (last === undefined || last === entry) return
    this.#sink(last, index)
    this.#rise(last, last.heapIndex)
  }

  #rise(entry: Entry<T>, from: number): void {
    let index = from
    while (index > 0) {
      const parent = this.#entries[(index - 1) >> 1]
      if (parent === undefined || !isBefore(entry, parent)) break
      const parentIndex = parent.heapIndex
      this.#put(parent, index)
      index = parentIndex
    }
    this.#put(entry, index)
  }

  #sink(entry: Entry<T>, from: number): void {
    let index = from
    for (;;) {
      const left = this.#entries[2 * index + 1]
      if (left === undefined) break
      const right = this.#entries[2 * index + 2]
      const child = right !== undefined && isBefore(right, left) ? right : left
      if (!isBefore(child, entry)) break
      const childIndex = child.heapIndex
      this.#put(child, index)
      index = childIndex
    }
    this.#put(entry, index)
  }

  #put(entry: Entry<T>, index: number): void {
    this.#entries[index] = entry
    entry.heapIndex = index
  }
}

const isBefore = (a: Entry<unknown>, b: Entry<unknown>): boolean =>
  a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.sequence < b.sequence)
