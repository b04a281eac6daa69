import { IdTable } from '../../lib/index.ts'
import { errorCode, frameType, numberMax } from './codes.ts'
import { ConnectionError } from './connection-error.ts'
import type { ConnectionGuard } from './connection-guard.ts'
import type { HeaderBlock } from './header-block.ts'
import type { HeaderField } from './header-field.ts'
import { Http2Stream } from './http2-stream.ts'
import type { StreamLink } from './http2-stream.ts'
import { IncomingBody } from './incoming-body.ts'
import type { Outbox } from './outbox.ts'
import { OutgoingBody } from './outgoing-body.ts'
import type { PeerSettings } from './peer-settings.ts'
import { RecentIds } from './recent-ids.ts'
import { areTrailers, readHead } from './request-fields.ts'

export interface StreamTableDeps {
  readonly limits: { readonly streamsMax: number; readonly streamWindowBytes: number }
  readonly outbox: Outbox
  readonly guard: ConnectionGuard
  readonly settings: PeerSettings
  /** Content was read, or thrown away. */
  consumed(stream: Http2Stream | undefined, bytes: number): void
  /** Something waits to be sent. */
  changed(): void
  onStream(stream: Http2Stream): void
}

/** The streams of a connection and their states (RFC 9113, section 5.1). Methods throw the ConnectionError that a frame deserves. */
export class StreamTable implements StreamLink {
  readonly #deps: StreamTableDeps
  readonly #open = new IdTable<Http2Stream>()
  readonly #closed = new RecentIds()
  /** Those that this side ended with a reset, of which the client may learn only later. */
  readonly #refused = new RecentIds()
  /** The last stream that the client has opened. */
  lastId = 0
  finishing = false
  #finalId = numberMax

  constructor(deps: StreamTableDeps) {
    this.#deps = deps
  }

  get size(): number {
    return this.#open.size
  }

  /** Opens no further streams. */
  finish(): void {
    this.finishing = true
    this.#finalId = this.lastId
  }

  /** The stream of a DATA frame; undefined when its content is to be thrown away. */
  forData(id: number, length: number): Http2Stream | undefined {
    const stream = this.#open.get(id)
    if (stream === undefined) {
      this.#mustExist(id)
      if (id <= this.#finalId && !this.#refused.has(id)) this.#refuse(id, errorCode.streamClosed)
      return undefined
    }
    if (stream.incoming.complete) this.fault(stream, errorCode.streamClosed)
    else if (!stream.incoming.window.admit(length)) this.fault(stream, errorCode.flowControl)
    else return stream
    return undefined
  }

  /** Checks that headers may come for a stream, new or not. */
  expectHeaders(id: number): void {
    if (id > this.lastId) {
      if (id % 2 === 0) throw new ConnectionError(errorCode.protocol, `stream ${id} is not the client's to open`)
      return
    }
    if (this.#open.get(id) !== undefined || this.#refused.has(id)) return
    const code = this.#closed.has(id) ? errorCode.streamClosed : errorCode.protocol
    throw new ConnectionError(code, `headers for the closed stream ${id}`)
  }

  /** A header block is complete; `fields` is undefined when it holds too much. */
  headers(block: HeaderBlock, fields: readonly HeaderField[] | undefined): void {
    const { stream: id } = block
    const stream = this.#open.get(id)
    if (stream !== undefined) this.#trailers(stream, block, fields)
    else if (id > this.lastId) {
      this.lastId = id
      if (id <= this.#finalId) this.#begin(block, fields)
      else this.#refused.add(id)
    }
  }

  /** The client gives a stream up. */
  cancel(id: number): void {
    const stream = this.#open.get(id)
    if (stream === undefined) {
      this.#mustExist(id)
      this.#deps.guard.idled()
      return
    }
    const answered = stream.outgoing.sent
    this.#close(stream)
    if (answered) this.#deps.guard.idled()
    else this.#deps.guard.reset()
  }

  openWindow(id: number, bytes: number): void {
    const stream = this.#open.get(id)
    if (stream === undefined) this.#mustExist(id)
    else if (bytes === 0) this.fault(stream, errorCode.protocol)
    else if (!this.#deps.outbox.open(stream, bytes)) this.fault(stream, errorCode.flowControl)
  }

  /** The client changed the window of streams (RFC 9113, section 6.9.2). */
  changeWindows(bytes: number): void {
    if (bytes === 0) return
    for (const stream of this.#open.values())
      if (!this.#deps.outbox.open(stream, bytes))
        throw new ConnectionError(errorCode.flowControl, 'settings make a window too large')
  }

  /** The request's content has arrived. */
  finishRequest(stream: Http2Stream): void {
    if (stream.closed) return
    if (stream.incoming.finish()) this.closeIfOver(stream)
    else this.fault(stream, errorCode.protocol)
  }

  closeIfOver(stream: Http2Stream): void {
    if (stream.outgoing.sent && stream.incoming.complete) this.#close(stream)
  }

  /** Ends a stream for its client's fault (RFC 9113, section 5.4.2). */
  fault(stream: Http2Stream, code: number): void {
    this.reset(stream, code)
    this.#deps.guard.reset()
  }

  faultId(id: number, code: number): void {
    const stream = this.#open.get(id)
    if (stream === undefined) this.#mustExist(id)
    else this.fault(stream, code)
  }

  reset(stream: Http2Stream, code: number): void {
    this.#refused.add(stream.id)
    this.#close(stream)
    this.#sendReset(stream.id, code)
  }

  ready(stream: Http2Stream, bytes: number): boolean {
    const fits = this.#deps.outbox.ready(stream, bytes)
    this.#deps.changed()
    return fits
  }

  closeAll(): void {
    for (const stream of this.#open.values()) this.#close(stream)
  }

  #begin(block: HeaderBlock, fields: readonly HeaderField[] | undefined): void {
    const { limits, outbox, settings, onStream } = this.#deps
    const { stream: id } = block
    if (fields === undefined) return this.#refuse(id, errorCode.enhanceYourCalm)
    const head = readHead(fields)
    const length = head?.contentLength ?? 0
    if (head === undefined || block.selfDependent || (block.endsStream && length > 0))
      return this.#refuse(id, errorCode.protocol)
    if (this.#open.size >= limits.streamsMax) return this.#refuse(id, errorCode.refusedStream)
    if (outbox.full) return this.#refuse(id, errorCode.enhanceYourCalm)
    const incoming = new IncomingBody(limits.streamWindowBytes, head.contentLength, (bytes) =>
      this.#deps.consumed(stream, bytes),
    )
    const outgoing = new OutgoingBody(settings.windowBytes)
    const stream = new Http2Stream(id, { head, fields }, { incoming, outgoing, link: this })
    this.#open.set(id, stream)
    onStream(stream)
    if (block.endsStream) this.finishRequest(stream)
  }

  #trailers(stream: Http2Stream, block: HeaderBlock, fields: readonly HeaderField[] | undefined): void {
    if (stream.incoming.complete) this.fault(stream, errorCode.streamClosed)
    else if (fields === undefined) this.fault(stream, errorCode.enhanceYourCalm)
    else if (!block.endsStream || block.selfDependent || !areTrailers(fields)) this.fault(stream, errorCode.protocol)
    else this.finishRequest(stream)
  }

  #refuse(id: number, code: number): void {
    this.#refused.add(id)
    this.#sendReset(id, code)
    this.#deps.guard.reset()
  }

  #sendReset(stream: number, code: number): void {
    const payload = Buffer.allocUnsafe(4)
    payload.writeUInt32BE(code)
    this.#deps.outbox.control({ type: frameType.resetStream, stream, payload })
    this.#deps.changed()
  }

  #close(stream: Http2Stream): void {
    if (stream.closed) return
    stream.closed = true
    this.#open.delete(stream.id)
    this.#closed.add(stream.id)
    this.#deps.outbox.drop(stream)
    stream.incoming.discard()
    stream.onClose?.()
  }

  /** Refuses frames of streams that were never opened (RFC 9113, section 5.1, "idle"). */
  #mustExist(id: number): void {
    if (id > this.lastId || id % 2 === 0)
      throw new ConnectionError(errorCode.protocol, `a frame for the stream ${id}, which is idle`)
  }
}
