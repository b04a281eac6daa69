import type { IncomingMessage } from 'node:http'
import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { Readable } from 'node:stream'
import { json as readJson, text as readText } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { Refusal } from './command.ts'

export interface ServerRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  readonly path: string
  readonly body?: string | Uint8Array | Readable
  readonly contentType?: string
}

/** Calls the server for the client commands; what it refuses becomes a Refusal with its sentence. */
export class ServerClient {
  readonly url: URL
  readonly key: string | undefined

  constructor(url: URL, key: string | undefined) {
    this.url = url
    this.key = key
  }

  /** The JSON of a successful answer. */
  async json<T>(request: ServerRequest): Promise<T> {
    return (await readJson(await this.stream(request))) as T
  }

  /** The body of a successful answer, as it arrives. */
  async stream(request: ServerRequest): Promise<Readable> {
    const response = await this.#send(request)
    const status = response.statusCode ?? 0
    if (status >= 200 && status < 300) return response
    const text = await readText(response)
    throw new Refusal(
      errorOf(text) ?? `the server answered ${status}`,
      String(response.headers['slipway-error'] ?? 'refused'),
    )
  }

  /** The header that says who asks; none without a key. */
  get authorization(): Readonly<Record<string, string>> {
    return this.key === undefined ? {} : { authorization: `Bearer ${this.key}` }
  }

  #send(request: ServerRequest): Promise<IncomingMessage> {
    const url = new URL(request.path, this.url)
    const send = url.protocol === 'https:' ? httpsRequest : httpRequest
    return new Promise((resolve, reject) => {
      const outgoing = send(url, {
        method: request.method,
        headers: {
          ...(request.body === undefined ? {} : { 'content-type': request.contentType ?? 'application/json' }),
          ...this.authorization,
        },
      })
      outgoing.on('response', resolve)
      outgoing.on('error', (error: NodeJS.ErrnoException) => reject(unreachable(this.url, error)))
      const { body } = request
      if (body === undefined || typeof body === 'string' || body instanceof Uint8Array) outgoing.end(body)
      else pipeline(body, outgoing).catch(reject)
    })
  }
}

/** What to say when no answer came. */
export const unreachable = (url: URL, error: NodeJS.ErrnoException): Refusal =>
  error.code === 'ECONNREFUSED'
    ? new Refusal(
        `no server answers at ${url.origin}; start one with 'slipway up', or name another with --server`,
        'unreachable',
      )
    : new Refusal(`${url.origin} can't be reached: ${error.message}`, 'unreachable')

const errorOf = (text: string): string | undefined => {
  try {
    const { error, message } = JSON.parse(text) as { error?: unknown; message?: unknown }
    if (typeof error === 'string') return error
    return typeof message === 'string' ? message : undefined
  } catch {
    return undefined
  }
}
