/** What a client may still send, on a stream or on a connection (RFC 9113, section 5.2). */
export class ReceiveWindow {
  readonly #bytesMax: number
  #left: number
  #owed = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
    this.#left = bytesMax
  }

  /** Whether the client may send so much. */
  admit(bytes: number): boolean {
    this.#left -= bytes
    return this.#left >= 0
  }

  /** Makes room again. Returns what the client is to be told, 0 while it isn't worth a frame. */
  consume(bytes: number): number {
    this.#owed += bytes
    if (this.#owed < this.#bytesMax / 2) return 0
    const granted = this.#owed
    this.#left += granted
    this.#owed = 0
    return granted
  }
}
