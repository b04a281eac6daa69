import { fail } from '../../protocol/index.ts'
import type { Exchange } from '../../protocol/index.ts'

/**
 * The URL by which the client of a request reaches this server, without a slash at the end: the one that is configured
 * or, when that is empty, the host that the request names, which the door has checked. A proxy that ends TLS says so by
 * X-Forwarded-Proto; whoever lies there deceives nobody but himself.
 */
export const publicBase = (exchange: Exchange, publicUrl: string): string => {
  if (publicUrl !== '') return publicUrl.replace(/\/+$/, '')
  const host = exchange.header('host') ?? ''
  if (!/^[\w.-]+(:\d{1,5})?$|^\[[0-9a-f:.]+\](:\d{1,5})?$/i.test(host))
    throw fail('invalid_request', { reason: 'the Host header does not name a host that this server can be reached by' })
  const [forwarded = ''] = (exchange.header('x-forwarded-proto') ?? '').split(',')
  return `${forwarded.trim().toLowerCase() === 'https' ? 'https' : 'http'}://${host}`
}
