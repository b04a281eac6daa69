import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { Server as NetServer } from 'node:net'
import type { Clock, Logger } from '../../lib/index.ts'
import { AppError, echoedId, fail, requestIdField } from '../../protocol/index.ts'
import type { ErrorShape, Reply, Route } from '../../protocol/index.ts'
import { Share } from '../budget/index.ts'
import type { ByteBudget } from '../budget/index.ts'
import type { BodyLimits } from './body.ts'
import { Connection } from './connection.ts'
import { hostGuard } from './host-guard.ts'
import { errorReply, HttpRefusal, parserRefusal } from './http-refusal.ts'
import { NodeExchange } from './node-exchange.ts'
import { awaitsContinue, checkHead, hasUnreadBody, readTarget } from './request-head.ts'
import { Router } from './router.ts'
import { shapedError } from './shaped-error.ts'
import { sendBody } from './send-body.ts'
import { sendStream } from './send-stream.ts'

export interface HttpOptions extends BodyLimits {
  readonly host: string
  readonly port: number
  readonly allowedHosts: readonly string[]
  readonly headerTimeoutMs: number
  readonly requestTimeoutMs: number
  readonly stallTimeoutMs: number
  readonly keepAliveTimeoutMs: number
  readonly headerBytesMax: number
  readonly connectionsMax: number
  readonly reusePort: boolean
  readonly uploadBytesMax: number
}

export interface HttpServerDeps {
  readonly routes: readonly Route[]
  /** Of protocols that word errors in their own way; the longest prefix wins. */
  readonly errorShapes?: readonly ErrorShape[]
  /** What the bodies of all requests inside may hold together. */
  readonly bodies: ByteBudget
  readonly clock: Clock
  readonly logger: Logger
  newRequestId(): string
}

/** How often Node looks for connections that are too slow. */
const timeoutCheckMs = 2000

const echoRequestId = (response: ServerResponse): void => {
  const id = echoedId(response.req.headers[requestIdField])
  if (id !== undefined) response.setHeader(requestIdField, id)
}

/** The HTTP door: limits, guards, routing, error replies. What routes do is theirs. */
export class HttpServer {
  readonly #options: HttpOptions
  readonly #deps: HttpServerDeps
  readonly #router: Router
  readonly #server: Server
  readonly #guard: ReturnType<typeof hostGuard>
  readonly #shapes: readonly ErrorShape[]
  readonly #open = new Map<Socket, Connection>()
  #closing = false
  connections = 0

  constructor(options: HttpOptions, deps: HttpServerDeps) {
    this.#options = options
    this.#deps = deps
    this.#router = new Router(deps.routes)
    this.#shapes = (deps.errorShapes ?? []).toSorted((a, b) => b.prefix.length - a.prefix.length)
    this.#guard = hostGuard({ listenHost: options.host, allowedHosts: options.allowedHosts })
    const serve = (request: IncomingMessage, response: ServerResponse): void => void this.#serve(request, response)
    this.#server = createServer(
      {
        headersTimeout: options.headerTimeoutMs,
        // Why: uploads may take as long as they need; bodies that are read whole have a limit of their own.
        requestTimeout: 0,
        keepAliveTimeout: options.keepAliveTimeoutMs,
        connectionsCheckingInterval: timeoutCheckMs,
        maxHeaderSize: options.headerBytesMax,
        noDelay: true,
        // Why: Node's own refusal has no body; checkHead refuses in the shape of every other error.
        requireHostHeader: false,
      },
      serve,
    )
    // Why: Node drops headers beyond a number silently, a second Host among them; their bytes are bounded.
    this.#server.maxHeadersCount = 0
    this.#server.maxConnections = options.connectionsMax
    this.#server.on('connection', (socket) => this.#track(socket))
    this.#server.on('checkContinue', serve)
    this.#server.on('checkExpectation', serve)
    this.#server.timeout = options.stallTimeoutMs
    this.#server.on('timeout', (socket) => this.#stalled(socket))
    this.#server.on('connect', (_, socket) =>
      this.#refuse(socket as Socket, new HttpRefusal(501, fail('unsupported', { what: 'the method CONNECT' }))),
    )
    this.#server.on('clientError', (error, socket) => this.#parserFailed(error, socket as Socket))
  }

  async listen(): Promise<{ host: string; port: number }> {
    const { host, port, reusePort } = this.#options
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen({ host, port, reusePort }, resolve)
    })
    return { host, port: (this.#server.address() as AddressInfo).port }
  }

  /**
   * Stops accepting; requests inside finish, and each answer closes its connection. A connection that idles may have
   * a request on its way, so it is kept for `idleMs`. Whatever is left after `limitMs` is cut.
   */
  async close({ idleMs, limitMs }: { readonly idleMs: number; readonly limitMs: number }): Promise<void> {
    this.#closing = true
    const { clock } = this.#deps
    // Why: the HTTP server's own close would cut idle connections at once.
    const closed = new Promise<void>((resolve) => NetServer.prototype.close.call(this.#server, () => resolve()))
    const idle = clock.setTimer(() => {
      for (const [socket, { inside }] of this.#open) if (inside === 0) socket.destroy()
    }, idleMs)
    const limit = clock.setTimer(() => this.#server.closeAllConnections(), limitMs)
    await closed
    idle.cancel()
    limit.cancel()
  }

  #track(socket: Socket): void {
    this.connections += 1
    this.#open.set(socket, new Connection(socket, this.#deps.clock))
    socket.on('close', () => {
      this.connections -= 1
      this.#open.delete(socket)
    })
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const receivedAtMs = this.#deps.clock.now()
    const { socket } = request
    const connection = this.#open.get(socket)
    if (connection === undefined || connection.over) return
    connection.enter({ request, response }, () => {
      if (this.#closing) socket.end()
    })
    const share = new Share(this.#deps.bodies)
    try {
      checkHead(request)
      const { host, origin } = request.headers
      this.#guard(host, origin)
      const target = readTarget(request.url ?? '/')
      if (target.authority !== undefined) this.#guard(target.authority, origin)
      const match = this.#router.match(request.method ?? 'GET', target.path)
      const { clock } = this.#deps
      const limits = this.#options
      const exchange = new NodeExchange({ request, response, match, target, receivedAtMs, limits, clock, share })
      const reply = await match.route.handle(exchange)
      // Why: a client that was never asked for its body may send it or not, so the next request can't be told from it.
      this.#send(response, reply, awaitsContinue(request) && hasUnreadBody(request))
    } catch (error) {
      this.#sendError(response, error instanceof AppError ? error : this.#unexpected(error))
    } finally {
      share.release()
    }
  }

  #sendError(response: ServerResponse, error: AppError): void {
    // Why: the rest of a body that was refused unread would be taken for the next request.
    this.#send(
      response,
      shapedError(error, response.req, this.#shapes),
      error instanceof HttpRefusal || hasUnreadBody(response.req),
    )
  }

  #send(response: ServerResponse, reply: Reply, ends: boolean): void {
    if (response.destroyed || response.headersSent) return
    for (const [name, value] of Object.entries(reply.headers ?? {})) response.setHeader(name, value)
    if (reply.contentType !== undefined) response.setHeader('content-type', reply.contentType)
    const connection = this.#open.get(response.req.socket)
    if (ends) connection?.endAfterAnswer()
    if (ends || (this.#closing && (connection?.inside ?? 0) <= 1)) response.setHeader('connection', 'close')
    echoRequestId(response)
    response.statusCode = reply.status
    if (reply.stream === undefined) sendBody(response, reply.body ?? '')
    else sendStream(response, reply.stream).catch((error: unknown) => this.#unexpected(error))
  }

  #parserFailed(error: NodeJS.ErrnoException, socket: Socket): void {
    // Why: bytes after the last request of a connection are to be ignored (RFC 9112, section 9.6).
    if (error.code === 'HPE_CLOSED_CONNECTION') return
    const refused = parserRefusal(error, this.#options)
    if (refused === undefined) socket.destroy()
    else this.#refuse(socket, refused)
  }

  /** Nothing has moved on a connection for a while. A client that is gone without a word never ends it. */
  #stalled(socket: Socket): void {
    const connection = this.#open.get(socket)
    if (connection === undefined || connection.inside === 0 || socket.writableLength > 0) {
      // Why: what a client doesn't take, the system would keep on sending for a quarter of an hour.
      if (socket.writableLength > 0) socket.resetAndDestroy()
      else socket.destroy()
      return
    }
    // While the server itself takes its time, the client has nothing to do.
    if (connection.receiving?.request.readableLength !== 0) return
    const { stallTimeoutMs: limitMs } = this.#options
    this.#refuse(socket, new HttpRefusal(408, fail('request_timeout', { limitMs, option: 'http.stallTimeoutMs' })))
  }

  /** Answers what could not be read: the body of the latest request, or what should have been the next one. */
  #refuse(socket: Socket, error: HttpRefusal): void {
    const connection = this.#open.get(socket)
    if (connection === undefined || connection.over) return
    const broken = connection.receiving
    if (broken === undefined) connection.refuse(errorReply(error))
    else if (broken.response.headersSent) connection.end()
    else this.#sendError(broken.response, error)
  }

  #unexpected(error: unknown): AppError {
    const requestId = this.#deps.newRequestId()
    this.#deps.logger.error('http.unexpected', { requestId, error })
    return fail('internal', { requestId }, error)
  }
}
