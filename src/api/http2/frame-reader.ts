import { errorCode, flag, frameHeadBytes, frameType } from './codes.ts'
import { ConnectionError } from './connection-error.ts'

/** How a client begins (RFC 9113, section 3.4). */
const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
const heldBytesMin = 64
const nothing = Buffer.alloc(0)

/** What becomes of the frames of a connection. Each method throws the ConnectionError that its frame deserves. */
export interface FrameSink {
  /** Called before the payload of each frame is taken in, so that what is too large never is. */
  begin(type: number, flags: number, stream: number, length: number): void
  /** The payload of a frame of any known type but DATA. */
  frame(type: number, flags: number, stream: number, payload: Buffer): void
  /** A piece of the DATA frame begun last, without padding. */
  data(piece: Buffer): void
  /** The DATA frame begun last is complete. */
  dataEnd(): void
}

/**
 * Cuts the bytes of a connection into frames (RFC 9113, section 4). What comes in one piece isn't copied, and DATA never
 * is; memory for other frames grows with what has arrived.
 */
export class FrameReader {
  readonly #sink: FrameSink
  #prefaceBytes = 0
  readonly #head = Buffer.alloc(frameHeadBytes)
  #headBytes = 0
  /** Within a frame, whose type, flags and stream these are. */
  #inside = false
  #type = 0
  #flags = 0
  #stream = 0
  /** Bytes of the payload that are still to come. */
  #left = 0
  /** Of these, padding; unknown until the first byte of a padded frame. */
  #padding: number | undefined = 0
  #held: Buffer = nothing
  #heldBytes = 0

  constructor(sink: FrameSink) {
    this.#sink = sink
  }

  /** Whether the client has begun as clients of HTTP/2 do. */
  get greeted(): boolean {
    return this.#prefaceBytes === preface.length
  }

  push(chunk: Buffer): void {
    let at = this.#prefaceBytes < preface.length ? this.#readPreface(chunk) : 0
    while (at < chunk.length) at = this.#inside ? this.#readPayload(chunk, at) : this.#readHead(chunk, at)
  }

  #readPreface(chunk: Buffer): number {
    const bytes = Math.min(chunk.length, preface.length - this.#prefaceBytes)
    if (chunk.compare(preface, this.#prefaceBytes, this.#prefaceBytes + bytes, 0, bytes) !== 0)
      throw new ConnectionError(errorCode.protocol, 'the client does not speak HTTP/2')
    this.#prefaceBytes += bytes
    return bytes
  }

  #readHead(chunk: Buffer, at: number): number {
    if (this.#headBytes === 0 && chunk.length - at >= frameHeadBytes) {
      this.#begin(chunk, at)
      return at + frameHeadBytes
    }
    const bytes = Math.min(frameHeadBytes - this.#headBytes, chunk.length - at)
    chunk.copy(this.#head, this.#headBytes, at, at + bytes)
    this.#headBytes += bytes
    if (this.#headBytes === frameHeadBytes) {
      this.#headBytes = 0
      this.#begin(this.#head, 0)
    }
    return at + bytes
  }

  #begin(head: Buffer, at: number): void {
    this.#left = head.readUIntBE(at, 3)
    this.#type = head[at + 3] ?? 0
    this.#flags = head[at + 4] ?? 0
    // The highest bit is reserved and ignored.
    this.#stream = head.readUInt32BE(at + 5) & 0x7fffffff
    this.#sink.begin(this.#type, this.#flags, this.#stream, this.#left)
    this.#padding = this.#type === frameType.data && (this.#flags & flag.padded) !== 0 ? undefined : 0
    this.#inside = true
    if (this.#left === 0) this.#end(nothing)
  }

  #readPayload(chunk: Buffer, at: number): number {
    if (this.#type === frameType.data) return this.#readData(chunk, at)
    const bytes = Math.min(this.#left, chunk.length - at)
    this.#left -= bytes
    const known = this.#type <= frameType.continuation
    if (this.#left === 0 && this.#heldBytes === 0) this.#end(chunk.subarray(at, at + bytes))
    else {
      // Why: an unknown frame is thrown away as it comes (RFC 9113, section 5.5).
      if (known) this.#hold(chunk.subarray(at, at + bytes))
      if (this.#left === 0) this.#end(this.#held.subarray(0, this.#heldBytes))
    }
    return at + bytes
  }

  #readData(chunk: Buffer, from: number): number {
    let at = from
    if (this.#padding === undefined) {
      this.#padding = chunk[at] ?? 0
      at += 1
      this.#left -= 1
      if (this.#padding > this.#left) throw new ConnectionError(errorCode.protocol, 'more padding than payload')
    }
    const bytes = Math.min(this.#left - this.#padding, chunk.length - at)
    if (bytes > 0) {
      this.#left -= bytes
      this.#sink.data(chunk.subarray(at, at + bytes))
      at += bytes
    }
    const skipped = Math.min(this.#left, chunk.length - at)
    if (this.#left === this.#padding) {
      this.#left -= skipped
      this.#padding -= skipped
      at += skipped
    }
    if (this.#left === 0) this.#end(nothing)
    return at
  }

  #end(payload: Buffer): void {
    this.#inside = false
    if (this.#type === frameType.data) {
      if (this.#padding === undefined) throw new ConnectionError(errorCode.frameSize, 'a padded frame without a length')
      this.#sink.dataEnd()
      return
    }
    this.#held = nothing
    this.#heldBytes = 0
    if (this.#type <= frameType.continuation) this.#sink.frame(this.#type, this.#flags, this.#stream, payload)
  }

  #hold(bytes: Buffer): void {
    const needed = this.#heldBytes + bytes.length
    if (needed > this.#held.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(heldBytesMin, Math.min(2 * needed, needed + this.#left)))
      this.#held.copy(grown, 0, 0, this.#heldBytes)
      this.#held = grown
    }
    bytes.copy(this.#held, this.#heldBytes)
    this.#heldBytes = needed
  }
}
