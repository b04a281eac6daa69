import { fail } from '../../protocol/index.ts'
import type { ByteBudget } from '../budget/index.ts'
import { Share } from '../budget/index.ts'

/** Bytes before each message: one flag and the length (gRPC over HTTP/2, "Length-Prefixed-Message"). */
export const prefixBytes = 5
const bufferBytesMin = 1024
const nothing = Buffer.alloc(0)

export interface MessageLimits {
  /** Largest message, as it travels and after decompression. */
  readonly bytesMax: number
  /** What all messages inside the server may hold together. */
  readonly budget: ByteBudget
}

/** A message as it came. */
export interface Message {
  readonly bytes: Buffer
  readonly compressed: boolean
  /** What it holds of the budget; whoever takes the message gives it back. */
  readonly share: Share
}

/**
 * Cuts a stream of bytes into gRPC messages. A message that comes in one piece isn't copied; memory for others grows
 * with what has arrived, never with what a prefix promises. Throws `payload_too_large`, `server_busy`, `invalid_request`.
 */
export class MessageReader {
  readonly #limits: MessageLimits
  readonly #take: (message: Message) => void
  #share: Share
  #held: Buffer = nothing
  #heldBytes = 0

  constructor(limits: MessageLimits, take: (message: Message) => void) {
    this.#limits = limits
    this.#take = take
    this.#share = new Share(limits.budget)
  }

  /** Whether the stream is between two messages. */
  get whole(): boolean {
    return this.#heldBytes === 0
  }

  push(chunk: Buffer): void {
    let bytes = chunk
    while (bytes.length > 0) bytes = this.#heldBytes === 0 ? this.#fresh(bytes) : this.#further(bytes)
  }

  /** Forgets an unfinished message. */
  release(): void {
    this.#share.release()
    this.#held = nothing
    this.#heldBytes = 0
  }

  #fresh(bytes: Buffer): Buffer {
    let end = prefixBytes
    if (bytes.length >= prefixBytes) {
      end = this.#endOf(bytes)
      if (bytes.length >= end) {
        this.#share.take(end)
        this.#deliver(bytes.subarray(0, end))
        return bytes.subarray(end)
      }
    }
    this.#hold(bytes, end)
    return bytes.subarray(bytes.length)
  }

  #further(bytes: Buffer): Buffer {
    const end = this.#heldBytes < prefixBytes ? prefixBytes : this.#endOf(this.#held)
    const missing = Math.min(end - this.#heldBytes, bytes.length)
    this.#hold(bytes.subarray(0, missing), end)
    if (this.#heldBytes >= prefixBytes && this.#heldBytes === this.#endOf(this.#held)) {
      this.#deliver(this.#held.subarray(0, this.#heldBytes))
    }
    return bytes.subarray(missing)
  }

  #hold(bytes: Buffer, end: number): void {
    const needed = this.#heldBytes + bytes.length
    if (needed > this.#held.length) {
      const size = Math.max(bufferBytesMin, Math.min(2 * needed, end))
      this.#share.take(size - this.#held.length)
      const grown = Buffer.allocUnsafeSlow(size)
      this.#held.copy(grown, 0, 0, this.#heldBytes)
      this.#held = grown
    }
    bytes.copy(this.#held, this.#heldBytes)
    this.#heldBytes = needed
  }

  /** Where a message ends, counted from the begin of its prefix, which is refused here if it is wrong. */
  #endOf(bytes: Buffer): number {
    const flag = bytes[0] ?? 0
    if (flag > 1) throw fail('invalid_request', { reason: `a message begins with the unknown flag ${flag}` })
    const length = bytes.readUInt32BE(1)
    const { bytesMax } = this.#limits
    if (length > bytesMax)
      throw fail('payload_too_large', { what: `a message of ${length} bytes`, limitBytes: bytesMax })
    return prefixBytes + length
  }

  #deliver(framed: Buffer): void {
    const share = this.#share
    this.#share = new Share(this.#limits.budget)
    this.#held = nothing
    this.#heldBytes = 0
    this.#take({ bytes: framed.subarray(prefixBytes), compressed: framed[0] === 1, share })
  }
}
