const slotsMin = 16

const free = (slots: number): undefined[] => Array.from({ length: slots })

/**
 * A map from whole numbers for what comes and goes with every request. Why not `Map`: whenever one makes its table
 * anew, which it does all the time when as much is deleted as is added, the old table points at the new one. Once such
 * a table is old to the garbage collector, all that follow it, with all that they held at the time, outlive the
 * collections of young objects, although nobody can reach them. Here the same slots are used again.
 */
export class IdTable<T> {
  /** Linear probing: an entry is in the slot of its number, or in one behind it without a free slot between. */
  #ids: (number | undefined)[] = free(slotsMin)
  #values: (T | undefined)[] = free(slotsMin)
  #size = 0

  get size(): number {
    return this.#size
  }

  get(id: number): T | undefined {
    return this.#values[this.#find(id)]
  }

  set(id: number, value: T): void {
    if (2 * (this.#size + 1) > this.#ids.length) this.#grow()
    const slot = this.#find(id)
    if (this.#ids[slot] === undefined) this.#size += 1
    this.#ids[slot] = id
    this.#values[slot] = value
  }

  delete(id: number): void {
    let gap = this.#find(id)
    if (this.#ids[gap] === undefined) return
    this.#size -= 1
    const mask = this.#ids.length - 1
    for (let slot = (gap + 1) & mask; ; slot = (slot + 1) & mask) {
      const other = this.#ids[slot]
      if (other === undefined) break
      // Entries close the gap unless they are between it and the slot of their number.
      if (((slot - other) & mask) < ((slot - gap) & mask)) continue
      this.#ids[gap] = other
      this.#values[gap] = this.#values[slot]
      gap = slot
    }
    this.#ids[gap] = undefined
    this.#values[gap] = undefined
  }

  clear(): void {
    this.#ids.fill(undefined)
    this.#values.fill(undefined)
    this.#size = 0
  }

  /** What is in the table now, in no order. */
  values(): T[] {
    return this.#values.filter((value) => value !== undefined)
  }

  /** The slot of an entry, or the free one where it would be. */
  #find(id: number): number {
    const mask = this.#ids.length - 1
    let slot = id & mask
    while (this.#ids[slot] !== undefined && this.#ids[slot] !== id) slot = (slot + 1) & mask
    return slot
  }

  #grow(): void {
    const ids = this.#ids
    const values = this.#values
    this.#ids = free(2 * ids.length)
    this.#values = free(2 * ids.length)
    for (const [slot, id] of ids.entries()) {
      if (id === undefined) continue
      const to = this.#find(id)
      this.#ids[to] = id
      this.#values[to] = values[slot]
    }
  }
}
