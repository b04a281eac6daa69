import { fail } from '../../protocol/index.ts'
import type { MayConnect } from '../../ports/index.ts'
import { excerpt } from '../limits.ts'
import type { IpRange } from './ip-address.ts'
import { isInRange, parseIp, parseIpRange } from './ip-address.ts'
import { isPublicAddress } from './public-address.ts'

/** Receivers that needn't be public, and that http is good enough for. */
export interface AllowedReceivers {
  readonly hosts: ReadonlySet<string>
  readonly ranges: readonly IpRange[]
}

/** Where a webhook is sent, once its URL is checked. */
export interface Destination {
  readonly url: URL
  /** Without the brackets of IPv6. */
  readonly host: string
  /** Named in the list, so that its addresses aren't looked at. */
  readonly isAllowed: boolean
}

const urlLengthMax = 2048
const hostName = /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/

const refuse = (reason: string): Error => fail('invalid_parameter', { reason })

/** Reads `registry.webhooks.allow`: names of hosts, addresses, and ranges as 10.0.0.0/8. Throws an Error naming what is none. */
export const parseAllowed = (entries: readonly string[]): AllowedReceivers => {
  const hosts = new Set<string>()
  const ranges: IpRange[] = []
  for (const entry of entries) {
    const range = parseIpRange(entry)
    const host = entry.toLowerCase()
    if (range !== undefined) ranges.push(range)
    else if (hostName.test(host) && !/^[\d.]+$/.test(host)) hosts.add(host)
    else throw new Error(`registry.webhooks.allow: '${excerpt(entry)}' is neither a host, an address nor a range`)
  }
  return { hosts, ranges }
}

/** Protocols that a server inside may speak at these ports above 1023, and that aren't a web server's. */
const portsOfOthers: ReadonlySet<number> = new Set([
  1433, 1521, 2049, 2375, 2376, 2379, 2380, 3306, 3659, 4045, 5060, 5061, 5432, 5672, 6000, 6379, 6566, 6665, 6666,
  6667, 6668, 6669, 6697, 9042, 9092, 10080, 10250, 11211, 27017,
])

const isWebPort = (port: number): boolean => port === 443 || (port > 1023 && !portsOfOthers.has(port))

const parseUrl = (text: string): URL => {
  if (text.trim() === '') throw refuse(`Webhook URL cannot be empty or just whitespace: '${excerpt(text)}'`)
  if (text.length > urlLengthMax) throw refuse(`Webhook URL has ${text.length} characters; ${urlLengthMax} are allowed`)
  // Why: parsers pass over spaces and control characters, or read them differently.
  // oxlint-disable-next-line no-control-regex -- these are the characters to find
  if (/[\u0000-\u0020\u007f\\]/.test(text)) throw refuse(`Invalid webhook URL '${excerpt(text)}'`)
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(text)?.[1]?.toLowerCase() ?? ''
  if (scheme !== 'https' && scheme !== 'http')
    throw refuse(`Invalid webhook URL scheme: '${excerpt(scheme)}'. Allowed schemes are: https.`)
  if (!/^https?:\/\/[^/?#]/i.test(text)) throw refuse(`Webhook URL must include a hostname: '${excerpt(text)}'`)
  if (!URL.canParse(text)) throw refuse(`Invalid webhook URL '${excerpt(text)}'`)
  return new URL(text)
}

/** Reads a webhook's URL, by itself: its form, its scheme where that is certain, its port. See `requireReachable` for the rest. */
export const parseDestination = (text: string, allowed: AllowedReceivers): Destination => {
  const url = parseUrl(text)
  if (url.username !== '' || url.password !== '')
    throw refuse('Webhook URL must not hold a user name or password; give the webhook a secret instead')
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const ip = parseIp(host)
  const isAllowed =
    ip === undefined ? allowed.hosts.has(host.replace(/\.$/, '')) : allowed.ranges.some((range) => isInRange(ip, range))
  if (url.protocol === 'http:' && !isAllowed && (allowed.ranges.length === 0 || ip !== undefined))
    throw refuse("Invalid webhook URL scheme: 'http'. Allowed schemes are: https.")
  const port = url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port)
  const isGoodPort = isAllowed ? port > 0 : isWebPort(port) || (url.protocol === 'http:' && port === 80)
  if (!isGoodPort)
    throw refuse(`Webhook URL must not name port ${port}: it is 443, or above 1023 and none of another protocol`)
  return { url, host, isAllowed }
}

/** Whether a request for a destination may be sent to an address of its host; http goes to listed ones alone. */
export const mayConnect =
  ({ url, isAllowed }: Destination, allowed: AllowedReceivers): MayConnect =>
  (address) => {
    const ip = parseIp(address)
    if (ip === undefined) return false
    if (isAllowed || allowed.ranges.some((range) => isInRange(ip, range))) return true
    return url.protocol === 'https:' && isPublicAddress(ip)
  }

/** Fails unless every address that a host has now may be connected to. */
export const requireReachable = async (
  destination: Destination,
  allowed: AllowedReceivers,
  resolve: (host: string) => Promise<readonly string[]>,
): Promise<void> => {
  // Why: who is listed may be made known to the resolver later.
  if (destination.isAllowed) return
  const host = excerpt(destination.host)
  const addresses = await resolve(destination.host).catch((error: Error) => {
    throw refuse(`Cannot resolve Webhook URL hostname '${host}': ${error.message}`)
  })
  const may = mayConnect(destination, allowed)
  const closed = addresses.find((address) => !may(address))
  if (closed === undefined) return
  throw destination.url.protocol === 'http:'
    ? refuse("Invalid webhook URL scheme: 'http'. Allowed schemes are: https.")
    : refuse(`Webhook URL must not resolve to a non-public IP address. '${host}' resolves to ${closed}.`)
}
