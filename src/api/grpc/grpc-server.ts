import { IdTable } from '../../lib/index.ts'
import type { Clock, Logger, Timer } from '../../lib/index.ts'
import { AppError, fail } from '../../protocol/index.ts'
import type { GrpcMethod } from '../../protocol/index.ts'
import { ByteBudget } from '../budget/index.ts'
import { errorCode, Http2Server } from '../http2/index.ts'
import type { Http2Stream } from '../http2/index.ts'
import type { CallDeps } from './answer-call.ts'
import { answerCall } from './answer-call.ts'
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
  readonly silenceMs: number
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
/** Answers that may wait for the client of a connection; one that does not read them gets no more. */
const waitingBytesMin = 64 * 1024 * 1024

const callNumberMax = 2 ** 30

/** gRPC over HTTP/2, "Content-Type"; gRPC-Web is another protocol. */
const grpcContent = /^application\/grpc(?:[+;]|$)/

/** The gRPC door: HTTP/2, limits, metadata, status. What methods do is theirs. */
export class GrpcServer {
  readonly #options: GrpcOptions
  readonly #deps: GrpcServerDeps
  readonly #methods: ReadonlyMap<string, GrpcMethod>
  readonly #server: Http2Server
  /** Calls whose request is still arriving; calls with a stream of messages may take as long as they like. */
  readonly #arriving = new IdTable<CallStream>()
  #lastCall = 0
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
      limits: {
        bytesMax: options.messageBytesMax,
        budget: new ByteBudget(options.bufferedBytesMax, 'messages (grpc.bufferedBytesMax)'),
      },
      clock: deps.clock,
      explain: (error) => (error instanceof AppError ? error : this.#unexpected(error)),
      received: (call) => this.#arriving.delete(call.number),
    }
    const { host, port, reusePort, connectionsMax, requestTimeoutMs, silenceMs, streamsMax, messageBytesMax } = options
    this.#server = new Http2Server(
      {
        host,
        port,
        reusePort,
        connectionsMax,
        beginMsMax: requestTimeoutMs,
        silenceMs,
        limits: {
          streamsMax,
          streamWindowBytes,
          connectionWindowBytes,
          frameBytesMax,
          headerListBytesMax,
          waitingBytesMax: Math.max(waitingBytesMin, 4 * messageBytesMax),
        },
      },
      {
        clock: deps.clock,
        onStream: (stream) => this.#serve(stream),
        listenerFailed: (error) => deps.logger.debug('grpc.listener_failed', { error }),
        connectionFailed: (error, afterMs) => deps.logger.debug('grpc.connection_failed', { error, afterMs }),
      },
    )
  }

  async listen(): Promise<{ host: string; port: number }> {
    const address = await this.#server.listen()
    this.#sweepLater()
    return address
  }

  /** Says GOAWAY, lets calls finish, then closes; cuts what is left after `limitMs`. */
  async close(limitMs: number): Promise<void> {
    this.#closing = true
    for (const end of this.#lasting.values()) end()
    await this.#server.close(limitMs)
    this.#sweep?.cancel()
  }

  #serve(stream: Http2Stream): void {
    const receivedAtMs = this.#deps.clock.now()
    let timeoutMs: number | undefined
    let refusal: unknown
    const { path } = stream
    const method = this.#methods.get(path)
    try {
      timeoutMs = readTimeout(stream.field('grpc-timeout'))
      if (method === undefined) throw fail('unsupported', { what: `the method ${path.slice(0, 200)}` })
    } catch (error) {
      refusal = error
    }
    const call = new CallStream(stream, { number: this.#number(), receivedAtMs, timeoutMs })
    if (method?.kind !== 'stream') this.#arriving.set(call.number, call)
    stream.onClose = () => {
      this.#forget(call)
      call.left()
    }
    const posted = stream.method === 'POST'
    if (!posted || !grpcContent.test(stream.field('content-type') ?? '')) call.refuse(posted ? 415 : 405)
    else if (method === undefined || refusal !== undefined) call.end(this.#callDeps.explain(refusal))
    else this.#answer(call, method)
  }

  #answer(call: CallStream, method: GrpcMethod): void {
    const dismissCall = answerCall(call, method, this.#callDeps)
    if (method.kind === 'unary') return
    this.#lasting.set(call, dismissCall)
    if (this.#closing) dismissCall()
  }

  /** No two calls at a time have the same. */
  #number(): number {
    this.#lastCall = this.#lastCall === callNumberMax ? 1 : this.#lastCall + 1
    return this.#lastCall
  }

  #forget(call: CallStream): void {
    this.#arriving.delete(call.number)
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
    for (const call of this.#arriving.values()) {
      if (nowMs - call.receivedAtMs < limitMs) continue
      call.end(fail('request_timeout', { limitMs, option: 'grpc.requestTimeoutMs' }))
    }
    // Why a sweep later: some clients throw away an end that they have not read when a reset follows. Clients of gRPC
    // stop by themselves once they have read it.
    for (const call of this.#lingering) if (call.lingers) call.stream.reset(errorCode.none)
    this.#lingering = [...this.#arriving.values(), ...this.#lasting.keys()].filter((call) => call.lingers)
  }

  #unexpected(error: unknown): AppError {
    const requestId = this.#deps.newRequestId()
    this.#deps.logger.error('grpc.unexpected', { requestId, error })
    return fail('internal', { requestId }, error)
  }
}
