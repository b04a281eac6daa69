const countMax = 1024

/** The last streams of some kind: enough to tell late frames from wrong ones. */
export class RecentIds {
  readonly #ids: number[] = []
  #next = 0

  add(id: number): void {
    this.#ids[this.#next] = id
    this.#next = (this.#next + 1) % countMax
  }

  has(id: number): boolean {
    return this.#ids.includes(id)
  }
}
