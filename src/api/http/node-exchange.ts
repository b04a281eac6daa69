import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../../lib/index.ts'
import type { Exchange } from '../../protocol/index.ts'
import type { Share } from '../budget/index.ts'
import type { BodyLimits } from './body.ts'
import { readBody, streamBody } from './body.ts'
import { awaitsContinue } from './request-head.ts'
import type { Target } from './request-head.ts'
import type { Match } from './router.ts'

export interface NodeExchangeParts {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly match: Match
  readonly target: Target
  readonly receivedAtMs: number
  readonly limits: BodyLimits & { readonly uploadBytesMax: number }
  readonly clock: Clock
  /** What the request holds of the memory for bodies, until it is answered. */
  readonly share: Share
}

/** One request of Node's server as routes see it. */
export class NodeExchange implements Exchange {
  readonly #parts: NodeExchangeParts

  constructor(parts: NodeExchangeParts) {
    this.#parts = parts
  }

  /** Of the route: GET for HEAD. */
  get method(): string {
    return this.#parts.match.route.method
  }

  get path(): string {
    return this.#parts.target.path
  }

  get route(): string {
    return this.#parts.match.route.path
  }

  get params(): Readonly<Record<string, string>> {
    return this.#parts.match.params
  }

  get query(): URLSearchParams {
    return new URLSearchParams(this.#parts.target.query)
  }

  get receivedAtMs(): number {
    return this.#parts.receivedAtMs
  }

  header(name: string): string | undefined {
    const value = this.#parts.request.headers[name]
    return Array.isArray(value) ? value.join(', ') : value
  }

  body(): Promise<Uint8Array> {
    const { request, limits, clock, share } = this.#parts
    return readBody({ request, share, begin: () => this.#begin() }, limits, clock)
  }

  bodyStream(): AsyncIterable<Uint8Array> {
    const { request, limits } = this.#parts
    return streamBody({ request, begin: () => this.#begin() }, limits.uploadBytesMax)
  }

  #begin(): void {
    const { request, response } = this.#parts
    if (!request.complete && awaitsContinue(request)) response.writeContinue()
  }

  onAbort(listener: () => void): void {
    const { response } = this.#parts
    response.on('close', () => {
      if (!response.writableFinished) listener()
    })
  }
}
