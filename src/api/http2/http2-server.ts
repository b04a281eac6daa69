import { createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import type { Clock, Timer } from '../../lib/index.ts'
import { FrameWriter } from './frame-writer.ts'
import { Http2Connection } from './http2-connection.ts'
import type { Http2Limits } from './http2-connection.ts'
import type { Http2Stream } from './http2-stream.ts'

export interface Http2ServerOptions {
  readonly host: string
  readonly port: number
  readonly reusePort: boolean
  readonly connectionsMax: number
  /** How long a client may take to begin. */
  readonly beginMsMax: number
  /** How long a client may be silent before it is pinged, and then before it is cut. */
  readonly silenceMs: number
  readonly limits: Http2Limits
}

export interface Http2ServerDeps {
  readonly clock: Clock
  /** A request begins; its reader must be set before this returns. */
  onStream(stream: Http2Stream): void
  /** A connection could not be accepted. */
  listenerFailed(error: unknown): void
  connectionFailed(error: unknown, afterMs: number): void
}

/** How long a connection may take to answer the ping of a shutdown; one that never spoke has no streams to lose. */
const farewellMs = 1000
/** How long the other side may take to close a connection that this side has ended. */
const lingerMs = 1000

interface Peer {
  readonly socket: Socket
  readonly connection: Http2Connection
  /** Ends it if its client doesn't begin, or if it doesn't close its side. */
  limit: Timer
  spoken: boolean
  heardAtMs: number
  /** A ping is on its way, and nothing has come since. */
  pinged: boolean
}

/** Serves HTTP/2 without TLS to clients that know it (RFC 9113, section 3.3). */
export class Http2Server {
  readonly #options: Http2ServerOptions
  readonly #deps: Http2ServerDeps
  readonly #server: Server
  readonly #peers = new Set<Peer>()
  readonly #writer = new FrameWriter()
  #watch: Timer | undefined

  constructor(options: Http2ServerOptions, deps: Http2ServerDeps) {
    this.#options = options
    this.#deps = deps
    this.#server = createServer({ noDelay: true }, (socket: Socket) => this.#accept(socket))
    this.#server.maxConnections = options.connectionsMax
  }

  async listen(): Promise<{ host: string; port: number }> {
    const { host, port, reusePort } = this.#options
    const bound = Promise.withResolvers<void>()
    this.#server.on('error', (error) => {
      bound.reject(error)
      // Why: later ones are connections that could not be accepted; unheard, they would end the process.
      this.#deps.listenerFailed(error)
    })
    this.#server.listen({ host, port, reusePort }, bound.resolve)
    await bound.promise
    this.#watchLater()
    return { host, port: (this.#server.address() as AddressInfo).port }
  }

  /** Says GOAWAY, lets streams finish, then closes; cuts what is left after `limitMs`. */
  async close(limitMs: number): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
    })
    for (const { connection } of this.#peers) connection.dismiss()
    const { clock } = this.#deps
    const farewell = clock.setTimer(() => {
      for (const { spoken, socket, connection } of this.#peers)
        if (spoken) connection.finish()
        else socket.resetAndDestroy()
    }, farewellMs)
    const limit = clock.setTimer(() => {
      for (const { socket } of this.#peers) socket.destroy()
    }, limitMs)
    await closed
    this.#watch?.cancel()
    farewell.cancel()
    limit.cancel()
  }

  #accept(socket: Socket): void {
    const { clock, connectionFailed, onStream } = this.#deps
    const openedAtMs = clock.now()
    const failed = (error: unknown): void => connectionFailed(error, clock.now() - openedAtMs)
    const connection = new Http2Connection(socket, {
      limits: this.#options.limits,
      writer: this.#writer,
      now: () => clock.now(),
      onStream,
      onSpoken: () => {
        peer.spoken = true
        peer.limit.cancel()
      },
      onDone: (error) => {
        if (error !== undefined) failed(error)
        this.#leave(peer)
      },
    })
    const silence = clock.setTimer(() => socket.resetAndDestroy(), this.#options.beginMsMax)
    const peer: Peer = { socket, connection, limit: silence, spoken: false, heardAtMs: openedAtMs, pinged: false }
    this.#peers.add(peer)
    socket.on('data', (chunk: Buffer) => {
      peer.heardAtMs = clock.now()
      peer.pinged = false
      connection.push(chunk)
    })
    socket.on('drain', () => connection.drained())
    socket.on('error', failed)
    socket.on('end', () => {
      connection.closed()
      this.#leave(peer)
    })
    socket.on('close', () => {
      connection.closed()
      peer.limit.cancel()
      this.#peers.delete(peer)
    })
  }

  #watchLater(): void {
    const { clock } = this.#deps
    // Why the next turn: after this process was held up, what clients have sent meanwhile is read first.
    const look = (): void => void setImmediate(() => this.#lookForSilence(clock.now()))
    this.#watch = clock.setTimer(() => {
      look()
      this.#watchLater()
    }, this.#options.silenceMs / 4)
  }

  /** A client that is gone without a word is only found by asking: what it doesn't acknowledge is sent for long. */
  #lookForSilence(nowMs: number): void {
    const { silenceMs } = this.#options
    for (const peer of this.#peers) {
      const silentMs = nowMs - peer.heardAtMs
      if (!peer.spoken || silentMs < silenceMs) continue
      if (peer.pinged && silentMs >= 2 * silenceMs) {
        this.#deps.connectionFailed(new Error('the client is silent'), silentMs)
        peer.socket.resetAndDestroy()
      } else if (!peer.pinged) {
        peer.pinged = true
        peer.connection.ping()
      }
    }
  }

  /**
   * Ends this side once all is sent. What the client still sends is thrown away, since closing over unread bytes makes
   * the system drop what was sent last.
   */
  #leave(peer: Peer): void {
    peer.limit.cancel()
    peer.limit = this.#deps.clock.setTimer(() => peer.socket.destroy(), lingerMs)
    peer.socket.end()
  }
}
