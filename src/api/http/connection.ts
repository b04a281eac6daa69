import { STATUS_CODES } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Clock, Timer } from '../../lib/index.ts'
import type { Reply } from '../../protocol/index.ts'

/** How long a connection that is over may go on sending, so that its client gets to read the last answer. */
const lingerMs = 1000

interface Inside {
  readonly request: IncomingMessage
  readonly response: ServerResponse
}

/** One client's connection: the requests inside, in order, and its end. */
export class Connection {
  readonly #socket: Socket
  readonly #clock: Clock
  #inside = 0
  #latest: Inside | undefined
  #lastWord: Reply | undefined
  #timer: Timer | undefined
  /** Set when the last request has been taken: what comes after it is not answered. */
  over = false

  constructor(socket: Socket, clock: Clock) {
    this.#socket = socket
    this.#clock = clock
    socket.on('close', () => {
      this.#timer?.cancel()
      // Why: Node forgets a request that was answered before it arrived whole; who reads it would wait for ever.
      this.receiving?.request.destroy()
    })
  }

  /** Requests from their head to the end of their answer; a client may send some ahead. */
  get inside(): number {
    return this.#inside
  }

  /** The request whose body is on its way, if any. */
  get receiving(): Inside | undefined {
    return this.#latest?.request.complete === false ? this.#latest : undefined
  }

  enter(inside: Inside, onIdle: () => void): void {
    this.#inside += 1
    this.#latest = inside
    inside.response.on('close', () => {
      this.#inside -= 1
      // Why: a connection may stay open for long, and would hold on to what its last request sent and was answered.
      if (this.#latest === inside && inside.request.complete) this.#latest = undefined
      if (this.#inside > 0) return
      if (this.#lastWord !== undefined) this.#speak(this.#lastWord)
      onIdle()
    })
  }

  /** Ends the connection with an answer to bytes that made no request, after the answers to those before it. */
  refuse(reply: Reply): void {
    this.over = true
    if (this.#inside === 0) this.#speak(reply)
    else this.#lastWord = reply
  }

  /** Makes the answer that closes the connection its last, though the client may still be sending. */
  endAfterAnswer(): void {
    this.over = true
    // Why: Node would close at once, and the reset that unread bytes cause can overtake the answer (RFC 9112, 9.6).
    this.#socket.destroySoon = () => this.end()
  }

  /** Says no more and, for a while, drops what still arrives. */
  end(): void {
    this.over = true
    if (this.#socket.destroyed) return
    this.#socket.end()
    this.#socket.resume()
    this.#timer ??= this.#clock.setTimer(() => this.#socket.destroy(), lingerMs)
  }

  #speak(reply: Reply): void {
    if (this.#socket.writable) this.#socket.write(written(reply))
    this.end()
  }
}

/** A reply as it goes over the wire, for bytes that Node made no request of. */
const written = ({ status, contentType = 'application/json', headers = {}, body = '' }: Reply): string => {
  const text = String(body)
  const fields = Object.entries({
    ...headers,
    'content-type': contentType,
    'content-length': Buffer.byteLength(text),
    connection: 'close',
  })
  const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Refused'}\r\n${lines}\r\n${text}`
}
