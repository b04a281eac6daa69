import { echoedId, requestIdField } from '../../protocol/index.ts'
import type { AppError, GrpcCall } from '../../protocol/index.ts'
import { encodeHeaders } from '../http2/index.ts'
import type { Http2Stream } from '../http2/index.ts'
import { encodings, errorTrailers, frameMessage, okTrailers } from './grpc-wire.ts'

const replyHeaders = { ':status': '200', 'content-type': 'application/grpc', 'grpc-accept-encoding': encodings }
/** What nearly every call is answered with. */
const replyHead = encodeHeaders(Object.entries(replyHeaders))
const okEnd = encodeHeaders(Object.entries(okTrailers))

/** A call on its HTTP/2 stream: its metadata, the messages sent back, and the status that ends it. */
export class CallStream implements GrpcCall {
  readonly stream: Http2Stream
  /** Tells the calls of a server apart. */
  readonly number: number
  readonly receivedAtMs: number
  readonly timeoutMs: number | undefined
  /** What this side has to say is said. */
  #ended = false
  /** Nobody waits for an answer any more. */
  #cancelled = false
  #listeners: Set<() => void> | undefined

  constructor(
    stream: Http2Stream,
    { number, receivedAtMs, timeoutMs }: Pick<CallStream, 'number' | 'receivedAtMs' | 'timeoutMs'>,
  ) {
    this.stream = stream
    this.number = number
    this.receivedAtMs = receivedAtMs
    this.timeoutMs = timeoutMs
  }

  metadata(key: string): string | undefined {
    return this.stream.field(key)
  }

  /** The stream is closed: unless this side has ended it, the client has left. */
  left(): void {
    if (this.#ended) return
    this.#ended = true
    this.#cancel()
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
    return this.#ended || this.stream.closed
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
      this.stream.outgoing.whenDrained(resolve)
    })
  }

  /** Sends the only message of a call and its good end. */
  reply(message: Uint8Array): void {
    if (this.ended) return
    this.#begin()
    this.#ended = true
    for (const piece of frameMessage(message)) this.stream.write(piece)
    this.stream.end(okEnd)
  }

  /** Ends the call: well, or with what failed, which also cancels what is still worked on. */
  end(error?: AppError): void {
    if (!this.ended) {
      this.#ended = true
      const trailers = error === undefined ? okTrailers : errorTrailers(error)
      if (this.stream.begun) this.stream.end(encodeHeaders(Object.entries(trailers)))
      else this.#endWith({ ...replyHeaders, ...trailers })
      this.stream.incoming.discard()
    }
    if (error !== undefined) this.#cancel()
  }

  /** Ends what is no gRPC with a status of HTTP. */
  refuse(httpStatus: number): void {
    if (this.ended) return
    this.#ended = true
    this.#endWith({ ':status': String(httpStatus) })
    this.stream.incoming.discard()
  }

  /** Whether the client sends on, although it was told of the end. */
  get lingers(): boolean {
    return this.stream.answered && !this.stream.closed
  }

  #endWith(headers: Readonly<Record<string, string>>): void {
    this.stream.respond(this.#withId(encodeHeaders(Object.entries(headers))))
    this.stream.end()
  }

  #begin(): void {
    if (!this.stream.begun) this.stream.respond(this.#withId(replyHead))
  }

  /** Adds the id that the client gave the call, if it did. */
  #withId(head: Buffer): Buffer {
    const id = echoedId(this.stream.field(requestIdField))
    return id === undefined ? head : Buffer.concat([head, encodeHeaders([[requestIdField, id]])])
  }

  #cancel(): void {
    this.#cancelled = true
    for (const listener of this.#listeners ?? []) listener()
    this.#listeners = undefined
  }
}
