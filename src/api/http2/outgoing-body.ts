import type { Http2Stream } from './http2-stream.ts'
import type { StreamQueue } from './stream-queue.ts'

/** Beyond so many waiting bytes a sender should wait itself. */
const waitingBytesMax = 64 * 1024

/** What is to be sent on a stream: a header block, content, perhaps trailers. */
export class OutgoingBody {
  /** What the client lets this stream send; below zero after the client narrowed its windows (RFC 9113, section 6.9.2). */
  windowBytes: number
  head: Uint8Array | undefined
  /** A head was handed over, sent or not. */
  begun = false
  trailers: Uint8Array | undefined
  /** Nothing more will be handed over. */
  finished = false
  /** The stream's end is written. */
  sent = false
  /** Where the stream waits for a turn to send, behind and before which others. */
  queue: StreamQueue | undefined
  previous: Http2Stream | undefined
  next: Http2Stream | undefined
  /** Content that waits. */
  bytes = 0
  #pieces: Uint8Array[] = []
  #first = 0
  /** What is sent of the first piece. */
  #at = 0
  #drained: (() => void)[] = []

  constructor(windowBytes: number) {
    this.windowBytes = windowBytes
  }

  push(piece: Uint8Array): void {
    if (piece.length === 0) return
    this.#pieces.push(piece)
    this.bytes += piece.length
  }

  get full(): boolean {
    return this.bytes > waitingBytesMax
  }

  /** Whether a turn could send something, connection's window aside. */
  get sendable(): boolean {
    if (this.sent || !this.begun) return false
    return this.head !== undefined || (this.bytes > 0 ? this.windowBytes > 0 : this.finished)
  }

  /** Hands the next `count` bytes to `write`, piece by piece. */
  shift(count: number, write: (piece: Uint8Array, from: number, to: number) => void): void {
    this.bytes -= count
    for (let left = count; left > 0;) {
      const piece = this.#pieces[this.#first] as Uint8Array
      const bytes = Math.min(left, piece.length - this.#at)
      write(piece, this.#at, this.#at + bytes)
      left -= bytes
      this.#at += bytes
      if (this.#at === piece.length) this.#next()
    }
    if (this.bytes === 0) this.#tellDrained()
  }

  /** Calls once nothing waits any more; at once when nothing does. */
  whenDrained(listener: () => void): void {
    if (this.bytes === 0) listener()
    else this.#drained.push(listener)
  }

  /** Throws away what waits. Returns how much that was. */
  discard(): number {
    const { bytes } = this
    this.bytes = 0
    this.head = undefined
    this.#pieces = []
    this.#first = 0
    this.#at = 0
    this.#tellDrained()
    return bytes
  }

  #next(): void {
    this.#at = 0
    this.#first += 1
    // Why not `shift`: with thousands of pieces it moves them all.
    if (this.#first < 64 && this.#first < this.#pieces.length) return
    this.#pieces.splice(0, this.#first)
    this.#first = 0
  }

  #tellDrained(): void {
    if (this.#drained.length === 0) return
    for (const listener of this.#drained.splice(0)) listener()
  }
}
