import type { Socket } from 'node:net'
import { defaultWindowBytes, errorCode, flag, frameType, numberMax, setting } from './codes.ts'
import { ConnectionError } from './connection-error.ts'
import { ConnectionGuard } from './connection-guard.ts'
import { checkFrame } from './frame-rules.ts'
import { FrameReader } from './frame-reader.ts'
import type { FrameSink } from './frame-reader.ts'
import type { FrameWriter } from './frame-writer.ts'
import { dependsOn, HeaderBlock } from './header-block.ts'
import { HpackDecoder } from './hpack-decoder.ts'
import type { Http2Stream } from './http2-stream.ts'
import { Outbox } from './outbox.ts'
import { encodeSettings, PeerSettings } from './peer-settings.ts'
import { ReceiveWindow } from './receive-window.ts'
import { StreamTable } from './stream-table.ts'

export interface Http2Limits {
  /** Streams open at a time on one connection. */
  readonly streamsMax: number
  /** Bytes that a client may send ahead on one stream and on one connection. */
  readonly streamWindowBytes: number
  readonly connectionWindowBytes: number
  readonly frameBytesMax: number
  readonly headerListBytesMax: number
  /** Content of answers that may wait for the client of one connection; beyond it, streams are refused. */
  readonly waitingBytesMax: number
}

export interface ConnectionDeps {
  readonly limits: Http2Limits
  readonly writer: FrameWriter
  now(): number
  /** A request begins; its reader must be set before this returns. */
  onStream(stream: Http2Stream): void
  /** The client has begun to speak HTTP/2. */
  onSpoken(): void
  /** No stream is left and none will follow, or the client has broken the rules, as `error` says. */
  onDone(error?: ConnectionError): void
}

const farewellPing = Buffer.from('farewell')
const presencePing = Buffer.from('present?')

/** One connection of HTTP/2 (RFC 9113), the server's side: frames in, streams, frames out. */
export class Http2Connection implements FrameSink {
  readonly #deps: ConnectionDeps
  readonly #settings = new PeerSettings()
  readonly #guard: ConnectionGuard
  readonly #reader: FrameReader
  readonly #decoder: HpackDecoder
  readonly #outbox: Outbox
  readonly #streams: StreamTable
  readonly #window: ReceiveWindow
  #block: HeaderBlock | undefined
  /** Of the DATA frame that is arriving: its stream, whether it ends that, and what of its length isn't accounted for. */
  #dataStream: Http2Stream | undefined
  #dataEnds = false
  #dataLeft = 0
  #spoken = false
  #flushing = false
  #reading = false
  #dismissed = false
  #done = false

  constructor(socket: Socket, deps: ConnectionDeps) {
    const { limits, writer } = deps
    this.#deps = deps
    this.#guard = new ConnectionGuard(() => deps.now())
    this.#reader = new FrameReader(this)
    this.#decoder = new HpackDecoder(limits.headerListBytesMax)
    this.#window = new ReceiveWindow(limits.connectionWindowBytes)
    const outbox = new Outbox({
      socket,
      writer,
      settings: this.#settings,
      waitingBytesMax: limits.waitingBytesMax,
      worked: () => this.#guard.worked(),
      sent: (stream) => this.#sent(stream),
    })
    this.#outbox = outbox
    this.#streams = new StreamTable({
      limits,
      outbox,
      guard: this.#guard,
      settings: this.#settings,
      consumed: (stream, bytes) => this.#consumed(stream, bytes),
      changed: () => this.#changed(),
      onStream: (stream) => deps.onStream(stream),
    })
  }

  /** Takes in what the client sent. */
  push(chunk: Buffer): void {
    if (this.#done) return
    this.#reading = true
    try {
      this.#reader.push(chunk)
      if (this.#outbox.flooded) throw new ConnectionError(errorCode.enhanceYourCalm, 'answers are not read')
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error
      this.#fail(error)
    } finally {
      this.#reading = false
    }
    this.#flush()
  }

  /** The socket takes more. */
  drained(): void {
    this.#flush()
  }

  /** The connection is gone: every stream closes. */
  closed(): void {
    this.#done = true
    this.#streams.closeAll()
  }

  /**
   * Ends the connection without losing a request. The first GOAWAY refuses nothing: it tells the client to open no more
   * streams. Those that it had sent by then have arrived once it answers a ping, and the second GOAWAY names the last
   * of them (RFC 9113, section 6.8).
   */
  dismiss(): void {
    if (this.#dismissed || this.#done || !this.#spoken) return
    this.#dismissed = true
    this.#goaway(numberMax, errorCode.none)
    this.#outbox.control({ type: frameType.ping, payload: farewellPing })
    this.#changed()
  }

  /** Asks whether the client is there. */
  ping(): void {
    if (this.#done) return
    this.#outbox.control({ type: frameType.ping, payload: presencePing })
    this.#changed()
  }

  /** Takes no further streams, and is done once the last has ended. */
  finish(): void {
    if (this.#done || this.#streams.finishing) return
    this.#streams.finish()
    this.#goaway(this.#streams.lastId, errorCode.none)
    this.#changed()
  }

  begin(type: number, flags: number, stream: number, length: number): void {
    if (length > this.#deps.limits.frameBytesMax)
      throw new ConnectionError(errorCode.frameSize, `a frame of ${length} bytes`)
    checkFrame(type, flags, stream, length)
    if (!this.#spoken && (type !== frameType.settings || flags & flag.ack))
      throw new ConnectionError(errorCode.protocol, 'the first frame is no SETTINGS')
    if (this.#block !== undefined) this.#block.expect(type, stream, length)
    else if (type === frameType.continuation)
      throw new ConnectionError(errorCode.protocol, 'a continuation of no header block')
    if (type === frameType.data) this.#beginData(flags, stream, length)
    else if (type > frameType.continuation) this.#guard.idled()
  }

  frame(type: number, flags: number, stream: number, payload: Buffer): void {
    if (type === frameType.headers) this.#addHeaders(new HeaderBlock(flags, stream, payload))
    else if (type === frameType.continuation) this.#continue(flags, payload)
    else if (type === frameType.windowUpdate) this.#openWindow(stream, payload.readUInt32BE(0) & numberMax)
    else if (type === frameType.ping) this.#ping(flags, payload)
    else if (type === frameType.resetStream) this.#streams.cancel(stream)
    else if (type === frameType.settings) this.#takeSettings(flags, payload)
    else if (type === frameType.priority) this.#prioritize(stream, payload)
    // GOAWAY: the client opens no more streams, which it may do at any time anyway.
    else this.#guard.idled()
  }

  data(piece: Buffer): void {
    const stream = this.#dataStream
    this.#dataLeft -= piece.length
    if (stream === undefined || stream.closed) this.#consumed(undefined, piece.length)
    else if (!stream.incoming.take(piece)) this.#streams.fault(stream, errorCode.protocol)
  }

  dataEnd(): void {
    const stream = this.#dataStream
    this.#dataStream = undefined
    if (this.#dataLeft > 0) this.#consumed(stream, this.#dataLeft)
    if (this.#dataEnds && stream !== undefined) this.#streams.finishRequest(stream)
  }

  #beginData(flags: number, id: number, length: number): void {
    if (!this.#window.admit(length))
      throw new ConnectionError(errorCode.flowControl, 'more data than the window allows')
    if (length === 0 && (flags & flag.endStream) === 0) this.#guard.idled()
    else this.#guard.worked()
    this.#dataLeft = length
    this.#dataEnds = (flags & flag.endStream) !== 0
    this.#dataStream = this.#streams.forData(id, length)
  }

  #addHeaders(block: HeaderBlock): void {
    this.#streams.expectHeaders(block.stream)
    this.#block = block
    if (block.complete) this.#endHeaders(block)
  }

  #continue(flags: number, payload: Buffer): void {
    const block = this.#block as HeaderBlock
    block.add(flags, payload)
    if (block.complete) this.#endHeaders(block)
  }

  #endHeaders(block: HeaderBlock): void {
    this.#block = undefined
    this.#guard.worked()
    this.#streams.headers(block, this.#decoder.decode(block.bytes))
  }

  #openWindow(id: number, bytes: number): void {
    this.#guard.idled()
    if (id !== 0) {
      this.#streams.openWindow(id, bytes)
      return
    }
    if (bytes === 0) throw new ConnectionError(errorCode.protocol, 'a window opened by nothing')
    if (!this.#outbox.open(undefined, bytes)) throw new ConnectionError(errorCode.flowControl, 'a window too large')
  }

  #ping(flags: number, payload: Buffer): void {
    this.#guard.idled()
    if ((flags & flag.ack) === 0) this.#outbox.control({ type: frameType.ping, flags: flag.ack, payload })
    else if (this.#dismissed && payload.equals(farewellPing)) this.finish()
  }

  #takeSettings(flags: number, payload: Buffer): void {
    this.#guard.idled()
    if (flags & flag.ack) return
    const before = this.#settings.windowBytes
    this.#settings.read(payload)
    this.#streams.changeWindows(this.#settings.windowBytes - before)
    if (!this.#spoken) this.#greet()
    this.#outbox.control({ type: frameType.settings, flags: flag.ack, payload: Buffer.alloc(0) })
  }

  #greet(): void {
    const { limits, onSpoken } = this.#deps
    this.#spoken = true
    const payload = encodeSettings([
      [setting.maxConcurrentStreams, limits.streamsMax],
      [setting.initialWindowSize, limits.streamWindowBytes],
      [setting.maxFrameSize, limits.frameBytesMax],
      [setting.maxHeaderListSize, limits.headerListBytesMax],
    ])
    this.#outbox.control({ type: frameType.settings, payload })
    this.#grant(0, limits.connectionWindowBytes - defaultWindowBytes)
    onSpoken()
  }

  #prioritize(stream: number, payload: Buffer): void {
    this.#guard.idled()
    if (dependsOn(payload, 0) === stream) this.#streams.faultId(stream, errorCode.protocol)
  }

  #consumed(stream: Http2Stream | undefined, bytes: number): void {
    this.#grant(0, this.#window.consume(bytes))
    if (stream === undefined || stream.closed || stream.incoming.complete) return
    this.#grant(stream.id, stream.incoming.window.consume(bytes))
  }

  #grant(stream: number, bytes: number): void {
    if (bytes === 0) return
    const payload = Buffer.allocUnsafe(4)
    payload.writeUInt32BE(bytes)
    this.#outbox.control({ type: frameType.windowUpdate, stream, payload })
    this.#changed()
  }

  #goaway(lastId: number, code: number): void {
    const payload = Buffer.allocUnsafe(8)
    payload.writeUInt32BE(lastId)
    payload.writeUInt32BE(code, 4)
    this.#outbox.control({ type: frameType.goaway, payload })
  }

  #sent(stream: Http2Stream): void {
    this.#streams.closeIfOver(stream)
  }

  #fail(error: ConnectionError): void {
    // Why not to others: they may speak HTTP/1.1, and would take the frames for an answer.
    if (this.#reader.greeted && !this.#spoken) this.#greet()
    if (this.#spoken) this.#goaway(this.#streams.lastId, error.code)
    this.#outbox.flush()
    this.#done = true
    this.#streams.closeAll()
    this.#deps.onDone(error)
  }

  /** Something waits to be sent. Why the next tick: the answers of all calls that one event completes leave together. */
  #changed(): void {
    if (this.#reading || this.#flushing) return
    this.#flushing = true
    process.nextTick(() => {
      this.#flushing = false
      this.#flush()
    })
  }

  #flush(): void {
    if (this.#done) return
    this.#outbox.flush()
    if (!this.#streams.finishing || this.#streams.size > 0 || !this.#outbox.empty) return
    this.#done = true
    this.#deps.onDone()
  }
}
