import type { Http2Server, IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import { constants, createServer } from 'node:http2'
import { Server as NetServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import type { Clock, Logger, Timer } from '../../lib/index.ts'
import { AppError, fail } from '../../protocol/index.ts'
import type { GrpcMethod } from '../../protocol/index.ts'
import type { CallDeps } from './answer-call.ts'
import { answerCall } from './answer-call.ts'
import { ByteBudget } from './byte-budget.ts'
import { CallStream } from './call-stream.ts'
import { readTimeout } from './grpc-wire.ts'

export interface GrpcOptions {
  readonly host: string
  readonly port: number
  readonly messageBytesMax: number
  readonly bufferedBytesMax: number
  readonly streamsMax: number
  readonly connectionsMax: number
  readonly requestTimeoutMs: number
  readonly reusePort: boolean
}

export interface GrpcServerDeps {
  readonly methods: readonly GrpcMethod[]
  readonly clock: Clock
  readonly logger: Logger
  newRequestId(): string
}

/** Bytes that a client may send ahead on one call and on one connection before it must wait for this side. */
const streamWindowBytes = 1024 * 1024
const connectionWindowBytes = 8 * 1024 * 1024
/** Larger frames than HTTP/2's default cost large tensors less. */
const frameBytesMax = 256 * 1024
const headerListBytesMax = 16 * 1024
/** How often slow requests are looked for. */
const sweepMs = 2000
/** How long a connection may take to answer the ping of a shutdown; one that never spoke has no calls to lose. */
const farewellMs = 1000
/**
 * Calls that a client may give up: this many at once, and this many a second. Node's default of 33 a second would cut
 * the connection of a proxy whose callers run out of time; more is a client that makes work and throws it away
 * (CVE-2023-44487).
 */
const resetBurst = 2000
const resetsPerSecond = 1000
const tcpKeepAliveMs = 60_000

/** gRPC over HTTP/2, "Content-Type"; gRPC-Web is another protocol. */
const grpcContent = /^application\/grpc(?:[+;]|$)/

/** The gRPC door: HTTP/2, limits, metadata, status. What methods do is theirs. */
export class GrpcServer {
  readonly #options: GrpcOptions
  readonly #deps: GrpcServerDeps
  readonly #methods: ReadonlyMap<string, GrpcMethod>
  readonly #server: Http2Server
  readonly #sockets = new Set<Socket>()
  readonly #sessions = new Set<ServerHttp2Session>()
  /** Those of them whose client has not spoken HTTP/2 yet. */
  readonly #silent = new Set<ServerHttp2Session>()
  /** Calls whose request is still arriving; calls with a stream of messages may take as long as they like. */
  readonly #arriving = new Set<CallStream>()
  /** Calls that may last as long as the client likes, with what asks them to end. */
  readonly #lasting = new Map<CallStream, () => void>()
  readonly #callDeps: CallDeps
  /** Calls that had ended by the last sweep, and whose clients sent on. */
  #lingering: readonly CallStream[] = []
  #sweep: Timer | undefined
  #closing = false

  constructor(options: GrpcOptions, deps: GrpcServerDeps) {
    this.#options = options
    this.#deps = deps
    this.#methods = new Map(deps.methods.map((method) => [`/${method.service}/${method.method}`, method]))
    this.#callDeps = {
      limits: { bytesMax: options.messageBytesMax, budget: new ByteBudget(options.bufferedBytesMax) },
      clock: deps.clock,
      explain: (error) => (error instanceof AppError ? error : this.#unexpected(error)),
      received: (call) => void this.#arriving.delete(call),
    }
    this.#server = createServer({
      // In megabytes. Why: beyond it Node refuses calls and cuts replies, each of which may be as large as a message.
      maxSessionMemory: Math.max(64, Math.ceil((4 * options.messageBytesMax) / 1e6)),
      streamResetBurst: resetBurst,
      streamResetRate: resetsPerSecond,
      settings: {
        maxConcurrentStreams: options.streamsMax,
        initialWindowSize: streamWindowBytes,
        maxFrameSize: frameBytesMax,
        maxHeaderListSize: headerListBytesMax,
      },
    })
    this.#server.maxConnections = options.connectionsMax
    this.#server.on('connection', (socket: Socket) => {
      socket.setNoDelay(true)
      socket.setKeepAlive(true, tcpKeepAliveMs)
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
    })
    this.#server.on('session', (session) => this.#track(session))
    this.#server.on('stream', (stream, headers) => this.#serve(stream, headers))
  }

  async listen(): Promise<{ host: string; port: number }> {
    const { host, port, reusePort } = this.#options
    const bound = Promise.withResolvers<void>()
    this.#server.on('error', (error) => {
      bound.reject(error)
      // Why: later ones are connections that could not be accepted; unheard, they would end the process.
      this.#deps.logger.debug('grpc.listener_failed', { error })
    })
    this.#server.listen({ host, port, reusePort }, bound.resolve)
    await bound.promise
    this.#sweepLater()
    return { host, port: (this.#server.address() as AddressInfo).port }
  }

  /** Says GOAWAY, lets calls finish, then closes; cuts what is left after `limitMs`. */
  async close(limitMs: number): Promise<void> {
    this.#closing = true
    // Why: the HTTP/2 server's own close would say the last GOAWAY at once and lose what is on its way.
    const closed = new Promise<void>((resolve) => NetServer.prototype.close.call(this.#server, () => resolve()))
    for (const end of this.#lasting.values()) end()
    for (const session of this.#sessions) dismiss(session)
    const { clock } = this.#deps
    const farewell = clock.setTimer(() => {
      for (const session of this.#silent) cut(session)
      for (const session of this.#sessions) session.close()
    }, farewellMs)
    const limit = clock.setTimer(() => {
      for (const socket of this.#sockets) socket.destroy()
    }, limitMs)
    await closed
    farewell.cancel()
    limit.cancel()
    this.#sweep?.cancel()
  }

  #track(session: ServerHttp2Session): void {
    const openedAtMs = this.#deps.clock.now()
    this.#sessions.add(session)
    this.#silent.add(session)
    session.setLocalWindowSize(connectionWindowBytes)
    const preface = this.#deps.clock.setTimer(() => cut(session), this.#options.requestTimeoutMs)
    const heard = (): void => {
      preface.cancel()
      this.#silent.delete(session)
    }
    session.once('remoteSettings', heard)
    session.on('error', (error) =>
      this.#deps.logger.debug('grpc.connection_failed', { error, afterMs: this.#deps.clock.now() - openedAtMs }),
    )
    session.on('close', () => {
      heard()
      this.#sessions.delete(session)
    })
  }

  #serve(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    const receivedAtMs = this.#deps.clock.now()
    let timeoutMs: number | undefined
    let refusal: unknown
    const path = headers[':path'] ?? ''
    const method = this.#methods.get(path)
    try {
      timeoutMs = readTimeout(headers['grpc-timeout'] as string | undefined)
      if (method === undefined) throw fail('unsupported', { what: `the method ${path.slice(0, 200)}` })
    } catch (error) {
      refusal = error
    }
    const call = new CallStream(stream, headers, { receivedAtMs, timeoutMs })
    if (method?.kind !== 'stream') this.#arriving.add(call)
    stream.on('close', () => this.#forget(call))
    const posted = headers[':method'] === 'POST'
    if (!posted || !grpcContent.test(headers['content-type'] ?? '')) call.refuse(posted ? 415 : 405)
    else if (method === undefined || refusal !== undefined) call.end(this.#callDeps.explain(refusal))
    else this.#answer(call, method)
  }

  #answer(call: CallStream, method: GrpcMethod): void {
    const dismissCall = answerCall(call, method, this.#callDeps)
    if (method.kind === 'unary') return
    this.#lasting.set(call, dismissCall)
    if (this.#closing) dismissCall()
  }

  #forget(call: CallStream): void {
    this.#arriving.delete(call)
    this.#lasting.delete(call)
  }

  #sweepLater(): void {
    this.#sweep = this.#deps.clock.setTimer(
      () => {
        this.#sweepCalls()
        this.#sweepLater()
      },
      Math.min(sweepMs, this.#options.requestTimeoutMs),
    )
  }

  #sweepCalls(): void {
    const { requestTimeoutMs: limitMs } = this.#options
    const nowMs = this.#deps.clock.now()
    for (const call of this.#arriving) {
      if (nowMs - call.receivedAtMs < limitMs) continue
      call.end(fail('request_timeout', { limitMs, option: 'grpc.requestTimeoutMs' }))
    }
    // Why a sweep later: a reset overtakes the end of the call while the connection is busy (nghttp2 drops the headers
    // of a stream that is being reset). Clients of gRPC stop by themselves once they have read the end.
    for (const call of this.#lingering) if (call.lingers) call.stream.close(constants.NGHTTP2_NO_ERROR)
    this.#lingering = [...this.#arriving, ...this.#lasting.keys()].filter((call) => call.lingers)
  }

  #unexpected(error: unknown): AppError {
    const requestId = this.#deps.newRequestId()
    this.#deps.logger.error('grpc.unexpected', { requestId, error })
    return fail('internal', { requestId }, error)
  }
}

/** Why not `destroy`: it waits for the client to close its side as well. */
const cut = (session: ServerHttp2Session): void => {
  if (!session.destroyed) session.socket.resetAndDestroy()
}

/**
 * Ends a connection without losing a call. The first GOAWAY refuses nothing: it tells the client to open no more
 * calls. Those that it had sent by then have arrived once it answers a ping, and the second GOAWAY names the last of them.
 */
const dismiss = (session: ServerHttp2Session): void => {
  if (session.destroyed || session.closed) return
  const lastStream = 2 ** 31 - 1
  session.goaway(constants.NGHTTP2_NO_ERROR, lastStream)
  if (!session.ping(() => session.close())) session.close()
}
