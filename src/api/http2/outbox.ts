import type { Socket } from 'node:net'
import { defaultWindowBytes, flag, frameType, numberMax } from './codes.ts'
import type { FrameWriter } from './frame-writer.ts'
import { emptyTable } from './hpack-encoder.ts'
import type { Http2Stream } from './http2-stream.ts'
import type { PeerSettings } from './peer-settings.ts'
import { StreamQueue } from './stream-queue.ts'

/** Beyond so many bytes that the system hasn't taken, nothing more is handed to it. */
const unsentBytesMax = 256 * 1024
/** What one stream may send before the next has its turn. */
const turnBytesMax = 64 * 1024
/** Frames about the connection that may wait while the client reads nothing (CVE-2019-9512, CVE-2019-9515). */
const controlFramesMax = 10_000

export interface Control {
  readonly type: number
  readonly flags?: number
  readonly stream?: number
  readonly payload: Uint8Array
}

export interface OutboxDeps {
  readonly socket: Socket
  readonly writer: FrameWriter
  readonly settings: PeerSettings
  /** Content that may wait to be sent, over all streams. */
  readonly waitingBytesMax: number
  /** Content was written. */
  worked(): void
  /** A stream's end was written. */
  sent(stream: Http2Stream): void
}

/** What leaves on a connection: frames about it first, then those of streams in turns, within the client's windows. */
export class Outbox {
  readonly #deps: OutboxDeps
  #control: Control[] = []
  readonly #ready = new StreamQueue()
  /** Those whose content waits for the connection's window. */
  readonly #starved = new StreamQueue()
  #windowBytes = defaultWindowBytes
  #waitingBytes = 0
  #tableEmptied = false

  constructor(deps: OutboxDeps) {
    this.#deps = deps
  }

  /** Whether as much waits as may. */
  get full(): boolean {
    return this.#waitingBytes >= this.#deps.waitingBytesMax
  }

  control(frame: Control): void {
    this.#control.push(frame)
  }

  /** Whether the client provokes frames and doesn't read them. */
  get flooded(): boolean {
    return this.#control.length > controlFramesMax
  }

  /** A stream has `bytes` of content more to send; false when they are too many beside what waits already. */
  ready(stream: Http2Stream, bytes: number): boolean {
    const alone = this.#waitingBytes === stream.outgoing.bytes - bytes
    this.#waitingBytes += bytes
    this.#enqueue(stream)
    return alone || this.#waitingBytes <= 2 * this.#deps.waitingBytesMax
  }

  /** Forgets what a stream had to send. */
  drop(stream: Http2Stream): void {
    this.#waitingBytes -= stream.outgoing.discard()
    stream.outgoing.queue?.remove(stream)
  }

  /** The client opens a window (RFC 9113, section 6.9). False when it is too large. */
  open(stream: Http2Stream | undefined, bytes: number): boolean {
    if (stream === undefined) {
      this.#windowBytes += bytes
      return this.#windowBytes <= numberMax
    }
    stream.outgoing.windowBytes += bytes
    this.#enqueue(stream)
    return stream.outgoing.windowBytes <= numberMax
  }

  /** Whether nothing waits to be sent. */
  get empty(): boolean {
    return this.#control.length === 0 && this.#next === undefined
  }

  /** Writes what may leave. What the socket won't take waits until it has drained. */
  flush(): void {
    const { socket, writer } = this.#deps
    if (this.empty || socket.writableLength > unsentBytesMax || !socket.writable) return
    writer.begin(socket)
    if (this.#control.length > 0) this.#writeControl()
    while (socket.writableLength <= unsentBytesMax) {
      const stream = this.#next
      if (stream === undefined) break
      stream.outgoing.queue?.remove(stream)
      this.#sendTurn(stream)
    }
    writer.end()
  }

  get #next(): Http2Stream | undefined {
    return this.#ready.first ?? (this.#windowBytes > 0 ? this.#starved.first : undefined)
  }

  #enqueue(stream: Http2Stream): void {
    const { outgoing } = stream
    if (stream.closed || outgoing.queue !== undefined || !outgoing.sendable) return
    this.#ready.push(stream)
  }

  #writeControl(): void {
    const { writer } = this.#deps
    for (const { type, flags = 0, stream = 0, payload } of this.#control) {
      writer.head(type, flags, stream, payload.length)
      writer.piece(payload, 0, payload.length)
    }
    this.#control = []
  }

  #sendTurn(stream: Http2Stream): void {
    const { outgoing } = stream
    if (stream.closed || !outgoing.sendable) return
    if (outgoing.head !== undefined) this.#sendHead(stream, outgoing.head)
    let left = turnBytesMax
    while (outgoing.bytes > 0 && left > 0) {
      const bytes = Math.min(outgoing.bytes, outgoing.windowBytes, this.#windowBytes, this.#deps.settings.frameBytes)
      if (bytes <= 0) break
      this.#sendData(stream, bytes)
      left -= bytes
    }
    if (outgoing.bytes === 0) this.#sendEnd(stream)
    else if (outgoing.windowBytes > 0) this.#wait(stream)
  }

  /** Content is left: for the next turn, or for the connection's window, behind those that wait for it already. */
  #wait(stream: Http2Stream): void {
    // It may be queued already, by a listener that was told that all is sent and wrote more.
    if (stream.outgoing.queue !== undefined) return
    if (this.#windowBytes > 0 && this.#starved.first === undefined) this.#enqueue(stream)
    else this.#starved.push(stream)
  }

  #sendHead(stream: Http2Stream, block: Uint8Array): void {
    const { outgoing } = stream
    outgoing.head = undefined
    const last = outgoing.finished && outgoing.bytes === 0 && outgoing.trailers === undefined
    this.#sendBlock(stream, block, last)
    if (last) this.#end(stream)
  }

  #sendData(stream: Http2Stream, bytes: number): void {
    const { outgoing } = stream
    const { writer } = this.#deps
    const last = outgoing.finished && outgoing.bytes === bytes && outgoing.trailers === undefined
    writer.head(frameType.data, last ? flag.endStream : 0, stream.id, bytes)
    this.#deps.worked()
    outgoing.windowBytes -= bytes
    this.#windowBytes -= bytes
    this.#waitingBytes -= bytes
    outgoing.shift(bytes, (piece, from, to) => writer.piece(piece, from, to))
    if (last) this.#end(stream)
  }

  #sendEnd(stream: Http2Stream): void {
    const { outgoing } = stream
    if (!outgoing.finished || outgoing.sent) return
    if (outgoing.trailers !== undefined) this.#sendBlock(stream, outgoing.trailers, true)
    else this.#deps.writer.head(frameType.data, flag.endStream, stream.id, 0)
    this.#end(stream)
  }

  #sendBlock(stream: Http2Stream, block: Uint8Array, last: boolean): void {
    const { writer, settings } = this.#deps
    const empties = settings.smallTable && !this.#tableEmptied
    if (empties) this.#tableEmptied = true
    writer.head(
      frameType.headers,
      flag.endHeaders | (last ? flag.endStream : 0),
      stream.id,
      block.length + (empties ? emptyTable.length : 0),
    )
    if (empties) writer.piece(emptyTable, 0, emptyTable.length)
    writer.piece(block, 0, block.length)
  }

  #end(stream: Http2Stream): void {
    stream.outgoing.sent = true
    this.#deps.sent(stream)
  }
}
