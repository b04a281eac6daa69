import type { IncomingMessage } from 'node:http'
import { fail } from '../../protocol/index.ts'
import { HttpRefusal, refusal } from './http-refusal.ts'

export interface Target {
  readonly path: string
  /** From the question mark on; empty when there is none. */
  readonly query: string
  /** Of the absolute form: host and port. */
  readonly authority: string | undefined
}

/** Where a request goes, in origin form or absolute form (RFC 9112, section 3.2). */
export const readTarget = (url: string): Target => {
  if (url.startsWith('/') || !url.includes('://')) return split(url, undefined)
  const [, authority = '', rest = ''] = /^https?:\/\/([^/?#]*)(.*)$/i.exec(url) ?? []
  // Why: RFC 9110, sections 4.2.1 and 4.2.4: an empty host is invalid, and user names only serve to deceive.
  if (authority === '' || authority.includes('@')) throw refusal('the request target is not a valid http address')
  return split(rest.startsWith('/') ? rest : `/${rest}`, authority)
}

const split = (text: string, authority: string | undefined): Target => {
  const queryAt = text.indexOf('?')
  return queryAt < 0
    ? { path: text, query: '', authority }
    : { path: text.slice(0, queryAt), query: text.slice(queryAt), authority }
}

/** Refuses heads that the parser lets pass but HTTP/1 doesn't, or that two servers in a row may read differently. */
export const checkHead = (request: IncomingMessage): void => {
  const { headers, httpVersion, httpVersionMajor, httpVersionMinor } = request
  if (httpVersionMajor !== 1) throw new HttpRefusal(505, fail('unsupported', { what: `HTTP/${httpVersion}` }))
  const hosts = countOf('host', request.rawHeaders)
  if (hosts > 1) throw refusal('the request has more than one Host header')
  if (hosts === 0 && httpVersionMinor > 0) throw refusal('the request has no Host header')
  const coding = headers['transfer-encoding']
  if (coding !== undefined) checkCoding(coding, httpVersionMinor)
  const { expect } = headers
  if (expect !== undefined && httpVersionMinor > 0 && !isContinue(expect))
    throw refusal(`the expectation '${expect.slice(0, 100)}' can't be met`, 417)
}

/** RFC 9112, section 6.1. */
const checkCoding = (coding: string, versionMinor: number): void => {
  if (versionMinor === 0) throw refusal('a request of HTTP/1.0 has no Transfer-Encoding')
  if (coding.toLowerCase() !== 'chunked')
    throw new HttpRefusal(501, fail('unsupported', { what: `the transfer encoding '${coding.slice(0, 100)}'` }))
}

const isContinue = (expectation: string): boolean => expectation.toLowerCase() === '100-continue'

/** Whether the client waits for a 100 before it sends the body (RFC 9110, section 10.1.1). */
export const awaitsContinue = ({ headers, httpVersionMinor }: IncomingMessage): boolean =>
  headers.expect !== undefined && httpVersionMinor > 0 && isContinue(headers.expect)

/** Node keeps the first of several Host headers; the raw list (names and values in turn) has them all. */
const countOf = (name: string, rawHeaders: readonly string[]): number => {
  let count = 0
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const each = rawHeaders[i]
    if (each?.length === name.length && each.toLowerCase() === name) count += 1
  }
  return count
}

/** Whether bytes of the request's body are still to come. */
export const hasUnreadBody = ({ complete, headers }: IncomingMessage): boolean =>
  !complete && (headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0)
