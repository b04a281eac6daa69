import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { Server as NetServer } from 'node:net'
import { createDeflate, createGzip } from 'node:zlib'
import type { Clock, Logger } from '../../lib/index.ts'
import { AppError, errorRow, fail, statusTable } from '../../protocol/index.ts'
import type { Exchange, Reply, Route } from '../../protocol/index.ts'
import type { BodyLimits } from './body.ts'
import { readBody, streamBody } from './body.ts'
import { hostGuard } from './host-guard.ts'
import { Router } from './router.ts'

export interface HttpOptions extends BodyLimits {
  readonly host: string
  readonly port: number
  readonly allowedHosts: readonly string[]
  readonly headerTimeoutMs: number
  readonly requestTimeoutMs: number
  readonly keepAliveTimeoutMs: number
  readonly headerBytesMax: number
  readonly connectionsMax: number
  readonly reusePort: boolean
  readonly uploadBytesMax: number
}

export interface HttpServerDeps {
  readonly routes: readonly Route[]
  readonly clock: Clock
  readonly logger: Logger
  newRequestId(): string
}

/** Replies below this size cost more to compress than to send. */
const compressBytesMin = 1024
/** How often Node looks for connections that are too slow. */
const timeoutCheckMs = 2000

/** The HTTP door: limits, guards, routing, error replies. What routes do is theirs. */
export class HttpServer {
  readonly #options: HttpOptions
  readonly #deps: HttpServerDeps
  readonly #router: Router
  readonly #server: Server
  readonly #guard: ReturnType<typeof hostGuard>
  readonly #sockets = new Set<Socket>()
  /** Requests inside, by connection. */
  readonly #busy = new Map<Socket, number>()
  #closing = false
  connections = 0

  constructor(options: HttpOptions, deps: HttpServerDeps) {
    this.#options = options
    this.#deps = deps
    this.#router = new Router(deps.routes)
    this.#guard = hostGuard({ listenHost: options.host, allowedHosts: options.allowedHosts })
    this.#server = createServer(
      {
        headersTimeout: options.headerTimeoutMs,
        // Why: uploads may take as long as they need; bodies that are read whole have a limit of their own.
        requestTimeout: 0,
        keepAliveTimeout: options.keepAliveTimeoutMs,
        connectionsCheckingInterval: timeoutCheckMs,
        maxHeaderSize: options.headerBytesMax,
        noDelay: true,
      },
      (request, response) => void this.#serve(request, response),
    )
    this.#server.maxConnections = options.connectionsMax
    this.#server.on('connection', (socket) => this.#track(socket))
    this.#server.on('clientError', (error: NodeJS.ErrnoException, socket) => refuseConnection(error, socket as Socket))
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
      for (const socket of this.#sockets) if (!this.#busy.has(socket)) socket.destroy()
    }, idleMs)
    const limit = clock.setTimer(() => this.#server.closeAllConnections(), limitMs)
    await closed
    idle.cancel()
    limit.cancel()
  }

  #track(socket: Socket): void {
    this.connections += 1
    this.#sockets.add(socket)
    socket.on('close', () => {
      this.connections -= 1
      this.#sockets.delete(socket)
    })
  }

  /** A connection is busy from the head of a request to the end of its answer; it may have sent further requests already. */
  #occupy(socket: Socket, response: ServerResponse): void {
    this.#busy.set(socket, (this.#busy.get(socket) ?? 0) + 1)
    response.on('close', () => {
      const left = (this.#busy.get(socket) ?? 1) - 1
      this.#busy.set(socket, left)
      if (left > 0) return
      this.#busy.delete(socket)
      if (this.#closing) socket.end()
    })
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const receivedAtMs = this.#deps.clock.now()
    this.#occupy(request.socket, response)
    try {
      this.#guard(request.headers.host, request.headers.origin)
      const url = request.url ?? '/'
      const queryAt = url.indexOf('?')
      const path = queryAt < 0 ? url : url.slice(0, queryAt)
      const { route, params } = this.#router.match(request.method ?? 'GET', path)
      const exchange = new NodeExchange({
        request,
        response,
        params,
        path,
        receivedAtMs,
        limits: this.#options,
        clock: this.#deps.clock,
      })
      const reply = await route.handle(exchange)
      this.#send(request, response, reply)
    } catch (error) {
      this.#sendError(request, response, error)
    }
  }

  #send(request: IncomingMessage, response: ServerResponse, reply: Reply): void {
    if (response.destroyed) return
    if (reply.headers !== undefined) {
      for (const name in reply.headers) response.setHeader(name, reply.headers[name] ?? '')
    }
    if (reply.contentType !== undefined) response.setHeader('content-type', reply.contentType)
    if (this.#closing && (this.#busy.get(request.socket) ?? 0) <= 1) response.setHeader('connection', 'close')
    response.statusCode = reply.status
    sendBody(response, reply.body ?? '', request.headers['accept-encoding'])
  }

  #sendError(request: IncomingMessage, response: ServerResponse, error: unknown): void {
    const known = error instanceof AppError ? error : this.#unexpected(error)
    const row = errorRow(known.code)
    const headers: Record<string, string> = { 'slipway-error': known.code }
    if (row.retryAfterMs !== undefined) headers['retry-after'] = String(Math.ceil(row.retryAfterMs / 1000))
    if (known.code === 'method_not_allowed') headers['allow'] = String(known.details['allow'])
    if (known.code === 'unsupported_encoding') headers['accept-encoding'] = 'gzip, deflate'
    // Why: the rest of a body that was refused unread would be taken for the next request.
    if (!request.complete) headers['connection'] = 'close'
    this.#send(request, response, {
      status: statusTable[known.status].http,
      contentType: 'application/json',
      headers,
      body: JSON.stringify({ error: known.message }),
    })
  }

  #unexpected(error: unknown): AppError {
    const requestId = this.#deps.newRequestId()
    this.#deps.logger.error('http.unexpected', { requestId, error })
    return fail('internal', { requestId }, error)
  }
}

type Body = NonNullable<Reply['body']>

const byteLength = (body: Body): number => {
  if (typeof body === 'string') return Buffer.byteLength(body)
  return body instanceof Uint8Array ? body.length : body.reduce((sum, piece) => sum + piece.length, 0)
}

const sendBody = (response: ServerResponse, body: Body, accepted: string | string[] | undefined): void => {
  const bytes = byteLength(body)
  const whole = typeof body === 'string' || body instanceof Uint8Array
  const encoding = bytes >= compressBytesMin ? acceptedEncoding(accepted) : undefined
  if (encoding !== undefined) {
    response.setHeader('content-encoding', encoding)
    const compressor = encoding === 'gzip' ? createGzip() : createDeflate()
    compressor.pipe(response)
    for (const piece of whole ? [body] : body) compressor.write(piece)
    compressor.end()
    return
  }
  response.setHeader('content-length', bytes)
  if (whole) {
    response.end(body)
    return
  }
  response.cork()
  for (const piece of body) response.write(piece)
  response.end()
  response.uncork()
}

/** gzip or deflate when the client lists it without forbidding it (RFC 9110, section 12.5.3). */
const acceptedEncoding = (header: string | string[] | undefined): 'gzip' | 'deflate' | undefined => {
  if (header === undefined) return undefined
  const accepted = new Set<string>()
  for (const part of String(header).split(',')) {
    const [name = '', weight = ''] = part
      .trim()
      .toLowerCase()
      .split(/\s*;\s*/)
    if (!/^q=0(\.0*)?$/.test(weight)) accepted.add(name)
  }
  return accepted.has('gzip') ? 'gzip' : accepted.has('deflate') ? 'deflate' : undefined
}

const refuseConnection = (error: NodeJS.ErrnoException, socket: Socket): void => {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy()
    return
  }
  const [status, reason] =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? ['431 Request Header Fields Too Large', 'the request headers are too large']
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? ['408 Request Timeout', 'the request took too long to arrive']
        : ['400 Bad Request', 'this is not a valid HTTP request']
  const body = JSON.stringify({ error: reason })
  socket.end(
    `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`,
  )
}

interface NodeExchangeParts {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly params: Readonly<Record<string, string>>
  readonly path: string
  readonly receivedAtMs: number
  readonly limits: HttpOptions
  readonly clock: Clock
}

class NodeExchange implements Exchange {
  readonly #parts: NodeExchangeParts

  constructor(parts: NodeExchangeParts) {
    this.#parts = parts
  }

  get method(): string {
    return this.#parts.request.method ?? 'GET'
  }

  get path(): string {
    return this.#parts.path
  }

  get params(): Readonly<Record<string, string>> {
    return this.#parts.params
  }

  get query(): URLSearchParams {
    return new URLSearchParams((this.#parts.request.url ?? '').slice(this.#parts.path.length))
  }

  get receivedAtMs(): number {
    return this.#parts.receivedAtMs
  }

  header(name: string): string | undefined {
    const value = this.#parts.request.headers[name]
    return Array.isArray(value) ? value.join(', ') : value
  }

  body(): Promise<Uint8Array> {
    return readBody(this.#parts.request, this.#parts.limits, this.#parts.clock)
  }

  bodyStream(): AsyncIterable<Uint8Array> {
    return streamBody(this.#parts.request, this.#parts.limits.uploadBytesMax)
  }

  onAbort(listener: () => void): void {
    const { response } = this.#parts
    response.on('close', () => {
      if (!response.writableFinished) listener()
    })
  }
}
