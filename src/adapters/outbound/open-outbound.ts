import { lookup as lookupOfSystem } from 'node:dns/promises'
import { request as httpRequest } from 'node:http'
import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { isIP } from 'node:net'
import type { LookupFunction } from 'node:net'
import type { Clock } from '../../lib/index.ts'
import type { OutboundFailure, OutboundHttp, OutboundPost, OutboundReply } from '../../ports/index.ts'
import { readReply } from './read-reply.ts'

export interface Address {
  readonly address: string
  readonly family: number
}

export interface OutboundOptions {
  readonly clock: Clock
  /** Every address of a name; the system's resolver when left out. */
  readonly lookup?: (host: string) => Promise<readonly Address[]>
  /** Certificates that are trusted besides the system's. */
  readonly ca?: string
}

/** A look-up that takes longer than this has failed. */
const lookupMs = 10_000

/** Requests to servers that users name, over Node's own HTTP. */
export const openOutbound = (options: OutboundOptions): OutboundHttp => new Outbound(options)

class Outbound implements OutboundHttp {
  readonly #options: OutboundOptions

  constructor(options: OutboundOptions) {
    this.#options = options
  }

  async resolve(host: string): Promise<readonly string[]> {
    return (await this.#addresses(host)).map(({ address }) => address)
  }

  post(request: OutboundPost): Promise<OutboundReply | OutboundFailure> {
    return new Promise((resolve) => {
      let sent: ClientRequest | undefined
      let done = false
      const finish = (outcome: OutboundReply | OutboundFailure): void => {
        done = true
        timer.cancel()
        request.signal?.removeEventListener('abort', onAbort)
        resolve(outcome)
        sent?.destroy()
      }
      const timer = this.#options.clock.setTimer(
        () => finish({ kind: 'timeout', reason: `no reply within ${request.timeoutMs} ms` }),
        request.timeoutMs,
      )
      const onAbort = (): void => finish({ kind: 'aborted', reason: 'the server is shutting down' })
      request.signal?.addEventListener('abort', onAbort)
      const unreachable = (error: unknown): void => finish({ kind: 'unreachable', reason: reasonOf(error) })
      const send = (addresses: readonly Address[]): void => {
        if (done) return
        if (request.signal?.aborted === true) return onAbort()
        const closed = addresses.find(({ address }) => !request.mayConnect(address))
        if (closed !== undefined)
          return finish({ kind: 'refused', reason: `${closed.address} is not a public address` })
        sent = this.#request(request, addresses)
        sent.on('error', unreachable)
        sent.on('response', (response: IncomingMessage) => {
          readReply(response, request.replyBytesMax).then(finish, unreachable)
        })
        sent.end(request.body)
      }
      this.#addresses(hostOf(request.url)).then(send).catch(unreachable)
    })
  }

  /** The connection goes to one of the addresses given; the name is for TLS and the Host header alone. */
  #request({ url, headers, body }: OutboundPost, addresses: readonly Address[]): ClientRequest {
    const { ca } = this.#options
    const lookup: LookupFunction = (_, { all }, callback) => {
      const [first] = addresses
      if (all === true) callback(null, [...addresses])
      else callback(null, first?.address ?? '', first?.family)
    }
    const options: RequestOptions = {
      method: 'POST',
      headers: { ...headers, 'Content-Length': body.length },
      lookup,
      // Why: a connection of an earlier request was checked for that one.
      agent: false,
    }
    return url.protocol === 'https:'
      ? httpsRequest(url, { ...options, ...(ca === undefined ? {} : { ca }) })
      : httpRequest(url, options)
  }

  async #addresses(host: string): Promise<readonly Address[]> {
    const family = isIP(host)
    if (family !== 0) return [{ address: host, family }]
    const { lookup = systemLookup, clock } = this.#options
    const { promise: late, reject } = Promise.withResolvers<never>()
    const timer = clock.setTimer(() => reject(new Error(`the look-up took more than ${lookupMs} ms`)), lookupMs)
    try {
      const addresses = await Promise.race([lookup(host), late])
      if (addresses.length === 0) throw new Error('the name has no address')
      return addresses
    } finally {
      timer.cancel()
    }
  }
}

const systemLookup = (host: string): Promise<readonly Address[]> => lookupOfSystem(host, { all: true })

/** The host of a URL; that of IPv6 without its brackets. */
const hostOf = ({ hostname }: URL): string => hostname.replace(/^\[|\]$/g, '')

/** A failure of several addresses tells of each. */
const reasonOf = (error: unknown): string => {
  if (error instanceof AggregateError && error.errors.length > 0) return error.errors.map(reasonOf).join('; ')
  return error instanceof Error ? error.message : String(error)
}
