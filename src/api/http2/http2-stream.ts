import { errorCode } from './codes.ts'
import type { HeaderField } from './header-field.ts'
import type { BodyReader, IncomingBody } from './incoming-body.ts'
import type { OutgoingBody } from './outgoing-body.ts'
import type { RequestHead } from './request-fields.ts'

/** A stream's way to its connection. */
export interface StreamLink {
  /** The stream has something to send. False when the connection holds too much already. */
  ready(stream: Http2Stream, bytes: number): boolean
  /** Tells the client that the stream ends here. */
  reset(stream: Http2Stream, code: number): void
}

/** One request of a client and its answer. */
export class Http2Stream {
  readonly id: number
  readonly method: string
  readonly path: string
  readonly incoming: IncomingBody
  readonly outgoing: OutgoingBody
  readonly #fields: readonly HeaderField[]
  readonly #link: StreamLink
  /** Called once, when nothing more can be sent or received. */
  onClose: (() => void) | undefined
  closed = false

  constructor(
    id: number,
    request: { readonly head: RequestHead; readonly fields: readonly HeaderField[] },
    { incoming, outgoing, link }: { incoming: IncomingBody; outgoing: OutgoingBody; link: StreamLink },
  ) {
    this.id = id
    this.method = request.head.method
    this.path = request.head.path
    this.#fields = request.fields
    this.incoming = incoming
    this.outgoing = outgoing
    this.#link = link
  }

  /** Value of a field of the request; of several with this name, all of them. */
  field(name: string): string | undefined {
    let value: string | undefined
    for (const field of this.#fields)
      if (field.name === name) value = value === undefined ? field.value : `${value},${field.value}`
    return value
  }

  /** Whether the request has arrived and was read. */
  get received(): boolean {
    return this.incoming.ended
  }

  /** Whether the answer's end is on its way to the client. */
  get answered(): boolean {
    return this.outgoing.sent
  }

  /** Whether an answer has begun. */
  get begun(): boolean {
    return this.outgoing.begun
  }

  /** Takes the request's content in; without a reader it is thrown away. */
  read(reader: BodyReader): void {
    this.incoming.reader = reader
  }

  /** Begins the answer with a header block. */
  respond(block: Uint8Array): void {
    if (this.closed || this.outgoing.begun) return
    this.outgoing.begun = true
    this.outgoing.head = block
    this.#ready(0)
  }

  /** Sends a piece of content; false when the client reads more slowly than this is sent. */
  write(piece: Uint8Array): boolean {
    const { outgoing } = this
    if (this.closed || outgoing.finished) return true
    outgoing.push(piece)
    this.#ready(piece.length)
    return !outgoing.full
  }

  /** Ends the answer, after all that was written, perhaps with a block of trailers. */
  end(trailers?: Uint8Array): void {
    const { outgoing } = this
    if (this.closed || outgoing.finished) return
    outgoing.trailers = trailers
    outgoing.finished = true
    this.#ready(0)
  }

  reset(code: number): void {
    if (!this.closed) this.#link.reset(this, code)
  }

  #ready(bytes: number): void {
    // Why a reset: a client that lets answers pile up would have the server hold them all.
    if (!this.#link.ready(this, bytes)) this.reset(errorCode.enhanceYourCalm)
  }
}
