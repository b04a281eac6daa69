/** An address that a request may be sent to. */
export type MayConnect = (address: string) => boolean

export interface OutboundPost {
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
  /** For all of it: the look-up, the connection, the reply. */
  readonly timeoutMs: number
  /** The reply is read up to here; what comes after is left. */
  readonly replyBytesMax: number
  /** Asked of every address of the host; when one may not be reached none is. */
  readonly mayConnect: MayConnect
  readonly signal?: AbortSignal
}

export interface OutboundReply {
  readonly status: number
  /** In lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: Uint8Array
}

/** No reply came. */
export interface OutboundFailure {
  /** `refused`: an address that may not be reached. `aborted`: the caller's signal. */
  readonly kind: 'refused' | 'unreachable' | 'timeout' | 'aborted'
  readonly reason: string
}

/** The way out to servers that users name. */
export interface OutboundHttp {
  /** The addresses of a host now; those of a literal are itself. Throws an Error that says why there are none. */
  resolve(host: string): Promise<readonly string[]>
  /**
   * Sends one POST. It connects to an address that was looked up and checked for this very request, so that a name
   * whose address changes meanwhile leads nowhere else; redirects and proxies are not followed.
   */
  post(request: OutboundPost): Promise<OutboundReply | OutboundFailure>
}
