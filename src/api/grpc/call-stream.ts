import type { IncomingHttpHeaders, OutgoingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import type { AppError, GrpcCall } from '../../protocol/index.ts'
import type { Trailers } from './grpc-wire.ts'
import { encodings, errorTrailers, frameMessage, okTrailers } from './grpc-wire.ts'

const replyHeaders = { ':status': 200, 'content-type': 'application/grpc', 'grpc-accept-encoding': encodings } as const
/** The same as a list of names and values, which costs Node less. */
const replyHeaderList = Object.entries(replyHeaders).flat().map(String)

const ignore = (): void => {}

/** A call on its HTTP/2 stream: its metadata, the messages sent back, and the status that ends it. */
export class CallStream implements GrpcCall {
  readonly stream: ServerHttp2Stream
  readonly receivedAtMs: number
  readonly timeoutMs: number | undefined
  readonly #headers: IncomingHttpHeaders
  #trailers: Trailers = okTrailers
  /** What this side has to say is said. */
  #ended = false
  /** It is on its way to the client. */
  #told = false
  /** Nobody waits for an answer any more. */
  #cancelled = false
  #listeners: Set<() => void> | undefined

  constructor(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    { receivedAtMs, timeoutMs }: Pick<GrpcCall, 'receivedAtMs' | 'timeoutMs'>,
  ) {
    this.stream = stream
    this.#headers = headers
    this.receivedAtMs = receivedAtMs
    this.timeoutMs = timeoutMs
    const leave = (): void => this.#leave()
    // Why both: a stream that the client resets without an error closes only after its last byte was read.
    stream.on('aborted', leave)
    stream.on('close', leave)
    // Why: 'close' follows and says all that matters; without a listener the error would end the process.
    stream.on('error', ignore)
  }

  metadata(key: string): string | undefined {
    const value = this.#headers[key]
    return Array.isArray(value) ? value.join(',') : value
  }

  /** Called once: when the client leaves or the call fails. At once when that has happened. */
  onCancel(listener: () => void): void {
    if (this.#cancelled) listener()
    else (this.#listeners ??= new Set()).add(listener)
  }

  offCancel(listener: () => void): void {
    this.#listeners?.delete(listener)
  }

  get ended(): boolean {
    return this.#ended || this.stream.closed || this.stream.destroyed
  }

  /** Sends a message; false when the client reads more slowly than this is sent. */
  send(message: Uint8Array): boolean {
    if (this.ended) return true
    this.#begin()
    let drained = true
    for (const piece of frameMessage(message)) drained = this.stream.write(piece)
    return drained
  }

  /** Settles once the client has caught up with what was sent, or left. */
  drained(): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.stream.off('drain', done)
        this.offCancel(done)
        resolve()
      }
      this.stream.once('drain', done)
      this.onCancel(done)
    })
  }

  /** Sends the only message of a call and its good end. */
  reply(message: Uint8Array): void {
    if (this.ended) return
    this.#begin()
    this.#ended = true
    const [first, second] = frameMessage(message)
    this.stream.write(first)
    if (second === undefined) this.#finish()
    this.stream.end(second)
  }

  /** Ends the call: well, or with what failed, which also cancels what is still worked on. */
  end(error?: AppError): void {
    if (!this.ended) {
      this.#ended = true
      if (error !== undefined) this.#trailers = errorTrailers(error)
      if (this.stream.headersSent) this.stream.end()
      else this.#endWith({ ...replyHeaders, ...this.#trailers })
      // Why: what the client still sends is thrown away; a stream that is not read to its end never closes.
      this.stream.resume()
    }
    if (error !== undefined) this.#cancel()
  }

  /** Ends what is no gRPC with a status of HTTP. */
  refuse(httpStatus: number): void {
    if (this.ended) return
    this.#ended = true
    this.#endWith({ ':status': httpStatus })
    this.stream.resume()
  }

  /** Whether the client sends on, although it was told of the end. */
  get lingers(): boolean {
    return this.#told && !this.stream.readableEnded && !this.stream.closed
  }

  #endWith(headers: OutgoingHttpHeaders): void {
    this.#told = true
    this.stream.respond(headers, { endStream: true })
  }

  /**
   * Tells Node that the message just written is the last. Why: `end` alone waits until it is sent, so that the
   * trailers leave two turns of the event loop later. It finds this done; a Node that ignores it only takes longer.
   */
  #finish(): void {
    if (!this.stream.pending && this.stream.writable) this.stream._final(() => {})
  }

  #begin(): void {
    if (this.stream.headersSent) return
    this.stream.once('wantTrailers', () => {
      if (this.stream.closed || this.stream.destroyed) return
      this.#told = true
      this.stream.sendTrailers(this.#trailers)
    })
    // A copy, since Node adds the date to it.
    this.stream.respond([...replyHeaderList], { waitForTrailers: true })
  }

  #leave(): void {
    if (this.#ended) return
    this.#ended = true
    this.stream.resume()
    this.#cancel()
  }

  #cancel(): void {
    this.#cancelled = true
    for (const listener of this.#listeners ?? []) listener()
    this.#listeners = undefined
  }
}
