import { errorCode, flag, frameType } from './codes.ts'
import { ConnectionError } from './connection-error.ts'

/** Bytes of a block over all its frames. Lists are limited after decoding; this bounds what is held before. */
const blockBytesMax = 64 * 1024
/** Frames of a block beyond its first; honest clients fill their frames (CVE-2024-27316). */
const continuationsMax = 64
const priorityBytes = 5

/** A header block as it arrives, in one HEADERS frame and perhaps more of CONTINUATION (RFC 9113, section 4.3). */
export class HeaderBlock {
  readonly stream: number
  readonly endsStream: boolean
  /** The stream depends on itself (RFC 9113, section 5.3.1, of RFC 7540). */
  readonly selfDependent: boolean
  complete: boolean
  #pieces: Buffer[]
  #bytes: number

  /** Throws a ConnectionError. */
  constructor(flags: number, stream: number, payload: Buffer) {
    const padded = (flags & flag.padded) !== 0
    const prioritized = (flags & flag.priority) !== 0
    const from = (padded ? 1 : 0) + (prioritized ? priorityBytes : 0)
    if (payload.length < from) throw new ConnectionError(errorCode.frameSize, 'headers shorter than their own fields')
    const to = payload.length - (padded ? (payload[0] ?? 0) : 0)
    if (to < from) throw new ConnectionError(errorCode.protocol, 'more padding than payload')
    this.stream = stream
    this.endsStream = (flags & flag.endStream) !== 0
    this.selfDependent = prioritized && dependsOn(payload, padded ? 1 : 0) === stream
    this.complete = (flags & flag.endHeaders) !== 0
    const fragment = from === 0 && to === payload.length ? payload : payload.subarray(from, to)
    // A copy while more is to come, so that a block isn't what keeps a chunk of the connection in memory.
    this.#pieces = [this.complete ? fragment : Buffer.from(fragment)]
    this.#bytes = fragment.length
  }

  /** Refuses any frame but the block's next (RFC 9113, section 6.10). Throws a ConnectionError. */
  expect(type: number, stream: number, length: number): void {
    if (type !== frameType.continuation || stream !== this.stream)
      throw new ConnectionError(errorCode.protocol, 'a frame within a header block')
    if (this.#bytes + length > blockBytesMax || this.#pieces.length > continuationsMax)
      throw new ConnectionError(errorCode.enhanceYourCalm, 'a header block without end')
  }

  add(flags: number, payload: Buffer): void {
    this.#pieces.push(Buffer.from(payload))
    this.#bytes += payload.length
    this.complete = (flags & flag.endHeaders) !== 0
  }

  get bytes(): Buffer {
    const [first] = this.#pieces
    return this.#pieces.length === 1 && first !== undefined ? first : Buffer.concat(this.#pieces, this.#bytes)
  }
}

/** The stream that a stream's priority names. */
export const dependsOn = (payload: Buffer, at: number): number => payload.readUInt32BE(at) & 0x7fffffff
