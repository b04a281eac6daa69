import type { Frame, FrameKind } from './frame.ts'
import { frameBytesMax, frameHeaderBytes } from './frame.ts'

/** Thrown on a stream that isn't frames; the connection is of no more use. */
class FrameError extends Error {
  override name = 'FrameError'
}

/**
 * Cuts a byte stream into frames. A frame that lies whole in one chunk is viewed in place when its payload is
 * 8-aligned there; a longer one is gathered in a buffer of its exact size, so each byte is copied at most once.
 */
export class FrameSplitter {
  #header = new Uint8Array(frameHeaderBytes)
  #headerFilled = 0
  #body: Uint8Array | undefined
  #bodyFilled = 0

  /** Feeds a chunk; calls `onFrame` for every frame it completes. */
  push(chunk: Uint8Array, onFrame: (frame: Frame) => void): void {
    let at = 0
    while (at < chunk.length) {
      if (this.#body === undefined) {
        const taken = Math.min(frameHeaderBytes - this.#headerFilled, chunk.length - at)
        this.#header.set(chunk.subarray(at, at + taken), this.#headerFilled)
        this.#headerFilled += taken
        at += taken
        if (this.#headerFilled < frameHeaderBytes) return
        const payloadBytes = this.#payloadBytes()
        if (payloadBytes <= chunk.length - at) {
          this.#emit(alignedPayload(chunk, at, payloadBytes), onFrame)
          at += payloadBytes
          continue
        }
        this.#body = new Uint8Array(payloadBytes)
        this.#bodyFilled = 0
      }
      const taken = Math.min(this.#body.length - this.#bodyFilled, chunk.length - at)
      this.#body.set(chunk.subarray(at, at + taken), this.#bodyFilled)
      this.#bodyFilled += taken
      at += taken
      if (this.#bodyFilled === this.#body.length) this.#emit(this.#body, onFrame)
    }
  }

  #payloadBytes(): number {
    const header = new DataView(this.#header.buffer)
    const length = header.getUint32(0, true)
    if (length < frameHeaderBytes - 4 || length > frameBytesMax) throw new FrameError(`frame of ${length} bytes`)
    return length - (frameHeaderBytes - 4)
  }

  #emit(payload: Uint8Array, onFrame: (frame: Frame) => void): void {
    const header = new DataView(this.#header.buffer)
    const frame = { kind: header.getUint32(4, true) as FrameKind, id: header.getUint32(8, true), payload }
    this.#headerFilled = 0
    this.#body = undefined
    onFrame(frame)
  }
}

const alignedPayload = (chunk: Uint8Array, at: number, bytes: number): Uint8Array =>
  (chunk.byteOffset + at) % 8 === 0 ? chunk.subarray(at, at + bytes) : new Uint8Array(chunk.subarray(at, at + bytes))
