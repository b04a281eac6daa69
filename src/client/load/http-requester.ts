import { Agent, request as httpRequest } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'

/** One request, sent over and over. */
export interface LoadTarget {
  readonly url: URL
  /** Default POST with a body, GET without. */
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array
}

/** How one request ended: the status of a reply that came whole, or the network error's code. */
export type Ending = { readonly status: number } | { readonly error: string }

/** Sends a target's request over keep-alive connections, one request at a time on each (no pipelining). */
export class HttpRequester {
  readonly #agent: Agent
  readonly #request: typeof httpRequest
  readonly #target: LoadTarget
  readonly #headers: Readonly<Record<string, string>>
  readonly #timeoutMs: number

  /** `timeoutMs` is the silence after which a request counts as failed. */
  constructor(target: LoadTarget, options: { readonly connectionsMax: number; readonly timeoutMs: number }) {
    this.#target = target
    this.#timeoutMs = options.timeoutMs
    const isSecure = target.url.protocol === 'https:'
    this.#request = isSecure ? httpsRequest : httpRequest
    this.#agent = new (isSecure ? HttpsAgent : Agent)({
      keepAlive: true,
      maxSockets: options.connectionsMax,
      maxFreeSockets: options.connectionsMax,
    })
    const length = target.body === undefined ? {} : { 'content-length': String(target.body.byteLength) }
    this.#headers = { ...length, ...target.headers }
  }

  /** Never throws: failures are endings. `onEnd` is called exactly once. */
  send(onEnd: (ending: Ending) => void): void {
    let over = false
    const end = (ending: Ending): void => {
      if (over) return
      over = true
      onEnd(ending)
    }
    const fail = (error: NodeJS.ErrnoException): void => end({ error: error.code ?? error.name })
    const outgoing = this.#request(
      this.#target.url,
      {
        agent: this.#agent,
        method: this.#target.method ?? (this.#target.body === undefined ? 'GET' : 'POST'),
        headers: this.#headers,
        timeout: this.#timeoutMs,
      },
      (reply: IncomingMessage) => {
        reply.on('end', () => end({ status: reply.statusCode ?? 0 }))
        reply.on('error', fail)
        reply.resume()
      },
    )
    outgoing.on('error', fail)
    outgoing.on('timeout', () => {
      end({ error: 'ETIMEDOUT' })
      outgoing.destroy()
    })
    outgoing.end(this.#target.body)
  }

  close(): void {
    this.#agent.destroy()
  }
}
