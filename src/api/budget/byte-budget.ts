import { fail } from '../../protocol/index.ts'

/** What holds more is large. */
const smallBytesMax = 64 * 1024
/** The part of a budget that nothing large may take. */
const reservedShare = 1 / 8

/**
 * Bytes that many holders share. The last part is kept for small ones, so that large requests that wait for a slow
 * model shut nobody out who asks for little.
 */
export class ByteBudget {
  /** What its bytes are of, and the option that bounds them, for the refusal. */
  readonly what: string
  readonly #reserved: number
  #left: number

  constructor(bytes: number, what: string) {
    this.what = what
    this.#left = bytes
    this.#reserved = bytes * reservedShare
  }

  get left(): number {
    return this.#left
  }

  /** False, and nothing taken, when fewer are left for a holder that will have `held`. */
  take(bytes: number, held = bytes): boolean {
    if (bytes > this.#left - (held > smallBytesMax ? this.#reserved : 0)) return false
    this.#left -= bytes
    return true
  }

  give(bytes: number): void {
    this.#left += bytes
  }
}

/** What one request holds of a budget. */
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
    if (!this.#budget.take(bytes, this.#bytes + bytes)) throw fail('server_busy', { what: this.#budget.what })
    this.#bytes += bytes
  }

  /** Gives everything back; may be called again. */
  release(): void {
    this.#budget.give(this.#bytes)
    this.#bytes = 0
  }
}
