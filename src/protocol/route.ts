import type { AppError } from './errors.ts'

/** What a caller must be allowed to do; every route names one. */
export type Permission =
  | 'server.read'
  | 'server.write'
  | 'model.read'
  | 'model.infer'
  | 'model.write'
  | 'metrics.read'
  | 'registry.read'
  | 'registry.write'
  /** Takes away for good what was deleted. */
  | 'registry.purge'
  /** Writing what has its ids and times already. */
  | 'registry.import'

/** One HTTP request as a route's handler sees it. */
export interface Exchange {
  readonly method: string
  /** Path as received, without the query, for messages. */
  readonly path: string
  /** Path of the route, with its {names}. */
  readonly route: string
  /** Values of the {names} in the route's path, decoded once. */
  readonly params: Readonly<Record<string, string>>
  readonly query: URLSearchParams
  /** Monotonic time of arrival, ms. */
  readonly receivedAtMs: number
  /** Value of a request header; the name in lower case. */
  header(name: string): string | undefined
  /** The whole body, decompressed, within the limits of the server. */
  body(): Promise<Uint8Array>
  /** The body in pieces as it arrives, the reader's from then on, for files; refused above the server's limit for uploads. */
  bodyStream(): AsyncIterable<Uint8Array>
  /** Called when the client goes away before the reply was sent. */
  onAbort(listener: () => void): void
}

export interface Reply {
  readonly status: number
  readonly contentType?: string
  readonly headers?: Readonly<Record<string, string>>
  /** Pieces are sent in order without being joined. */
  readonly body?: string | Uint8Array | readonly Uint8Array[]
  /** A body too large to hold, at the client's pace; instead of `body`. Each piece is freed once it is sent. */
  readonly stream?: { readonly bytes: number; readonly pieces: AsyncIterable<Uint8Array> }
}

/** How a protocol words errors that its routes never saw: those of the door, and of paths that nobody serves. */
export interface ErrorShape {
  /** Paths that are this or below it. */
  readonly prefix: string
  /** `header` gives those of the request, as far as it has any. */
  reply(error: AppError, header: (name: string) => string | undefined): Reply
}

/** A route is data: the server, the permission matrix and the reference read the same table. */
export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Segments in braces are parameters: `/v2/models/{model}/infer`; `{path*}` at the end takes all that are left. */
  readonly path: string
  readonly needs: Permission
  /** One line for the reference. */
  readonly doc: string
  handle(exchange: Exchange): Reply | Promise<Reply>
}

export const jsonReply = (value: unknown, status = 200): Reply => ({
  status,
  contentType: 'application/json',
  body: JSON.stringify(value),
})

/** One gRPC call as a method's handler sees it. */
export interface GrpcCall {
  readonly receivedAtMs: number
  /** Time the client gives the call, ms; undefined for no limit. */
  readonly timeoutMs: number | undefined
  /** Value of a metadata key, in lower case. */
  metadata(key: string): string | undefined
  /** Called when the client leaves or the call's time is up. */
  onCancel(listener: () => void): void
}

/**
 * A gRPC method is data like a route; it takes and gives encoded messages. A `stream` method is called for every message
 * of the stream and answers each, in order; a `watch` method answers one message with as many as it likes.
 */
export type GrpcMethod = {
  readonly service: string
  readonly method: string
  readonly needs: Permission
} & (
  | { readonly kind: 'unary' | 'stream'; handle(request: Uint8Array, call: GrpcCall): Promise<Uint8Array> }
  | { readonly kind: 'watch'; watch(request: Uint8Array, call: GrpcCall): AsyncIterable<Uint8Array> }
)
