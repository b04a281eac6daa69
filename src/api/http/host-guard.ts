import { isIP } from 'node:net'
import { fail } from '../../protocol/index.ts'

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host.endsWith('.localhost') || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))

const hostName = (host: string): string => {
  const bracketed = /^\[([0-9a-f:.]+)\](?::\d+)?$/i.exec(host)?.[1]
  return (bracketed ?? host.replace(/:\d+$/, '')).toLowerCase()
}

export interface HostGuardOptions {
  /** Address the server listens on. */
  readonly listenHost: string
  /** Further names that clients may use. */
  readonly allowedHosts: readonly string[]
}

/**
 * Refuses requests that a browser was tricked into: by the Host header for DNS names rebound to this machine, and by
 * the Origin header for pages of other sites. Holds for every method. A server on a public address is reached by
 * names it can't know, so there only listed hosts are checked.
 */
export const hostGuard = (
  options: HostGuardOptions,
): ((host: string | undefined, origin: string | undefined) => void) => {
  const allowed = new Set(options.allowedHosts.map((host) => host.toLowerCase()))
  const listenHost = options.listenHost.toLowerCase()
  const guarded = isLoopback(listenHost) || allowed.size > 0
  const knows = (name: string): boolean => isLoopback(name) || name === listenHost || allowed.has(name)
  let lastGood: string | undefined
  return (host, origin) => {
    if (origin !== undefined) checkOrigin(host, origin, knows)
    if (!guarded || host === undefined || host === lastGood) return
    if (!knows(hostName(host))) throw fail('forbidden_host', { host: host.slice(0, 200) })
    lastGood = host
  }
}

const checkOrigin = (host: string | undefined, origin: string, knows: (name: string) => boolean): void => {
  const from = URL.canParse(origin) ? new URL(origin) : undefined
  const same = from !== undefined && (from.host === host || knows(hostName(from.host)))
  if (!same) throw fail('forbidden_origin', { origin: origin.slice(0, 200) })
}
