import { reasonOf } from '../../lib/index.ts'
import { createGunzip, createInflate } from 'node:zlib'
import { AppError, errorRow, fail, statusTable } from '../../protocol/index.ts'
import type { Message } from './message-reader.ts'
import { prefixBytes } from './message-reader.ts'

/** Message encodings that clients may use. */
export const encodings = 'identity,gzip,deflate'

const unitMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 }

/** Milliseconds of a grpc-timeout header: at most eight digits and a unit. Undefined without the header. */
export const readTimeout = (header: string | undefined): number | undefined => {
  if (header === undefined) return undefined
  const [, digits, unit = ''] = /^(\d{1,8})([HMSmun])$/.exec(header) ?? []
  if (digits === undefined)
    throw fail('invalid_request', {
      reason: `grpc-timeout '${header.slice(0, 20)}' is not a number of at most 8 digits and a unit`,
    })
  return Number(digits) * (unitMs[unit] ?? 1)
}

/** Longest text of a status; HTTP/2 peers refuse long header lists. */
const statusTextMax = 2048

/** The grpc-message form of a text: UTF-8, with all but printable ASCII and % itself as %XX. */
export const statusText = (text: string): string => {
  if (/^[\x20-\x24\x26-\x7e]*$/.test(text) && text.length <= statusTextMax) return text
  let encoded = ''
  for (const character of text) {
    const piece = /[\x20-\x24\x26-\x7e]/.test(character) ? character : percentEncoded(character)
    // Why: a character that is cut in its middle makes the whole text unreadable to some clients.
    if (encoded.length + piece.length > statusTextMax) break
    encoded += piece
  }
  return encoded
}

const percentEncoded = (character: string): string => {
  let encoded = ''
  for (const byte of Buffer.from(character)) encoded += `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  return encoded
}

export type Trailers = Readonly<Record<string, string>>

/** The end of a call that went well. */
export const okTrailers: Trailers = { 'grpc-status': '0' }

/** The end of a call that failed in an expected way. */
export const errorTrailers = (error: AppError): Trailers => {
  const { retryAfterMs } = errorRow(error.code)
  return {
    'grpc-status': String(statusTable[error.status].grpc),
    'grpc-message': statusText(error.message),
    'slipway-error': error.code,
    ...(retryAfterMs === undefined ? {} : { 'grpc-retry-pushback-ms': String(retryAfterMs) }),
  }
}

/** Messages up to this size are copied behind their prefix, which costs less than a second write. */
const copyBytesMax = 64 * 1024

/** A message as it travels, in one piece or two. */
export const frameMessage = (message: Uint8Array): readonly Uint8Array[] => {
  const copied = message.length <= copyBytesMax
  const frame = Buffer.allocUnsafe(copied ? prefixBytes + message.length : prefixBytes)
  frame[0] = 0
  frame.writeUInt32BE(message.length, 1)
  if (!copied) return [frame, message]
  frame.set(message, prefixBytes)
  return [frame]
}

const inflatedChunkBytes = 64 * 1024

/**
 * The content of a compressed message whose stream declared `encoding`. Every piece is counted to the message's share
 * before the next is made. Throws `payload_too_large`, `server_busy`, `invalid_request`.
 */
export const decompress = async ({ bytes, share }: Message, encoding: string, bytesMax: number): Promise<Buffer> => {
  if (encoding === 'identity')
    throw fail('invalid_request', { reason: 'a message is marked as compressed, but grpc-encoding names no way' })
  const options = { chunkSize: inflatedChunkBytes }
  const inflater = encoding === 'gzip' ? createGunzip(options) : createInflate(options)
  inflater.end(bytes)
  const pieces: Buffer[] = []
  let size = 0
  try {
    for await (const piece of inflater as AsyncIterable<Buffer>) {
      size += piece.length
      if (size > bytesMax) throw fail('payload_too_large', { what: 'the decompressed message', limitBytes: bytesMax })
      share.take(piece.length)
      pieces.push(piece)
    }
  } catch (error) {
    if (error instanceof AppError) throw error
    const reason = reasonOf(error)
    throw fail('invalid_request', { reason: `the ${encoding} message is damaged: ${reason}` }, error)
  }
  return Buffer.concat(pieces, size)
}
