import type { ServerResponse } from 'node:http'
import { createDeflate, createGzip } from 'node:zlib'
import type { Reply } from '../../protocol/index.ts'

/** Replies below this size cost more to compress than to send. */
const compressBytesMin = 1024

type Body = NonNullable<Reply['body']>

const byteLength = (body: Body): number => {
  if (typeof body === 'string') return Buffer.byteLength(body)
  return body instanceof Uint8Array ? body.length : body.reduce((sum, piece) => sum + piece.length, 0)
}

/** Sends the body of an answer, compressed where the client likes; to HEAD only what the headers say of it. */
export const sendBody = (response: ServerResponse, body: Body): void => {
  const { method, headers } = response.req
  const bytes = byteLength(body)
  const encoding = bytes >= compressBytesMin ? acceptedEncoding(headers['accept-encoding']) : undefined
  if (encoding === undefined) response.setHeader('content-length', bytes)
  else response.setHeader('content-encoding', encoding)
  if (method === 'HEAD') response.end()
  else if (encoding !== undefined) compress(response, body, encoding)
  // Why: text without other characters than ASCII needs no conversion, which is a tenth of the work of a small answer.
  else if (typeof body === 'string') response.end(body, bytes === body.length ? 'latin1' : 'utf8')
  else if (body instanceof Uint8Array) response.end(body)
  else {
    response.cork()
    for (const piece of body) response.write(piece)
    response.end()
    response.uncork()
  }
}

const compress = (response: ServerResponse, body: Body, encoding: 'gzip' | 'deflate'): void => {
  // Why: the first compressed bytes come later, and until then nobody else may start an answer.
  response.writeHead(response.statusCode)
  const compressor = encoding === 'gzip' ? createGzip() : createDeflate()
  compressor.pipe(response)
  for (const piece of typeof body === 'string' || body instanceof Uint8Array ? [body] : body) compressor.write(piece)
  compressor.end()
}

/** gzip or deflate when the client lists it without forbidding it (RFC 9110, section 12.5.3). */
const acceptedEncoding = (header: string | string[] | undefined): 'gzip' | 'deflate' | undefined => {
  if (header === undefined) return undefined
  const accepted = new Set<string>()
  for (const part of String(header).split(',')) {
    const [name = '', weight = ''] = part
      .trim()
      .toLowerCase()
      .split(/\s*;\s*/)
    if (!/^q=0(\.0*)?$/.test(weight)) accepted.add(name)
  }
  return accepted.has('gzip') ? 'gzip' : accepted.has('deflate') ? 'deflate' : undefined
}
