import { fail } from '../../protocol/index.ts'

/** Bytes that many holders share. */
export class ByteBudget {
  #left: number

  constructor(bytes: number) {
    this.#left = bytes
  }

  get left(): number {
    return this.#left
  }

  /** False, and nothing taken, when fewer are left. */
  take(bytes: number): boolean {
    if (bytes > this.#left) return false
    this.#left -= bytes
    return true
  }

  give(bytes: number): void {
    this.#left += bytes
  }
}

/** What one message holds of a budget. */
export class Share {
  readonly #budget: ByteBudget
  #bytes = 0

  constructor(budget: ByteBudget) {
    this.#budget = budget
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Throws `server_busy`, and takes nothing, when the budget has fewer left. */
  take(bytes: number): void {
    if (!this.#budget.take(bytes)) throw fail('server_busy', { what: 'messages' })
    this.#bytes += bytes
  }

  /** Gives everything back; may be called again. */
  release(): void {
    this.#budget.give(this.#bytes)
    this.#bytes = 0
  }
}
