import type { IncomingMessage } from 'node:http'
import { createGunzip, createInflate } from 'node:zlib'
import type { Clock } from '../../lib/index.ts'
import { AppError, fail } from '../../protocol/index.ts'
import type { Share } from '../budget/index.ts'

export interface BodyLimits {
  readonly bytesMax: number
  /** A body in more pieces is an attack: pieces cost memory beyond their bytes. */
  readonly chunksMax: number
  /** Longest time for a body to arrive. */
  readonly requestTimeoutMs: number
  /** Largest growth by decompression. */
  readonly inflateRatioMax: number
}

export interface IncomingBody {
  readonly request: IncomingMessage
  /** Takes what the body holds, as it arrives and as it is decompressed; whoever asked for the body gives it back. */
  readonly share: Share
  /** Called before the first byte is read, once nothing declared speaks against it. */
  begin(): void
}

/** Small bodies compress by more than any ratio worth checking. */
const inflateFreeBytes = 1024 * 1024

/** Reads a request's body whole, within limits, and decompresses it. Limits are checked before memory is spent. */
export const readBody = async (incoming: IncomingBody, limits: BodyLimits, clock: Clock): Promise<Uint8Array> => {
  const { request, share, begin } = incoming
  if (declaredBytes(request) > limits.bytesMax) throw tooLarge(limits.bytesMax)
  const encoding = request.headers['content-encoding']
  if (encoding === undefined || encoding === 'identity') {
    begin()
    return gather(incoming, limits, clock)
  }
  if (encoding !== 'gzip' && encoding !== 'deflate') throw fail('unsupported_encoding', { encoding })
  begin()
  return inflate(await gather(incoming, limits, clock), encoding, { ...limits, share })
}

const declaredBytes = (request: IncomingMessage): number => Number(request.headers['content-length'] ?? 0)

const tooLarge = (limitBytes: number): Error => fail('payload_too_large', { what: 'the request body', limitBytes })

const gather = ({ request, share }: IncomingBody, limits: BodyLimits, clock: Clock): Promise<Uint8Array> =>
  new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let bytes = 0
    const refuse = (error: Error): void => {
      request.removeAllListeners('data')
      timer.cancel()
      // Why: the connection may last a while yet, and with it whoever listens.
      chunks.length = 0
      // Why: what still arrives is dropped, so that the reply can be read before the connection closes.
      request.resume()
      reject(error)
    }
    const timer = clock.setTimer(
      () => refuse(fail('request_timeout', { limitMs: limits.requestTimeoutMs, option: 'http.requestTimeoutMs' })),
      limits.requestTimeoutMs,
    )
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      try {
        share.take(chunk.length)
      } catch (error) {
        refuse(error as AppError)
        return
      }
      chunks.push(chunk)
      if (bytes > limits.bytesMax) refuse(tooLarge(limits.bytesMax))
      else if (chunks.length > limits.chunksMax)
        refuse(fail('invalid_request', { reason: `the body comes in more than ${limits.chunksMax} pieces` }))
    })
    request.on('end', () => {
      timer.cancel()
      resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks, bytes))
    })
    request.on('error', () => reject(fail('cancelled', {})))
    request.on('close', () => {
      timer.cancel()
      if (!request.complete) reject(fail('cancelled', {}))
    })
  })

const inflate = (
  bytes: Uint8Array,
  encoding: 'gzip' | 'deflate',
  limits: BodyLimits & { readonly share: Share },
): Promise<Uint8Array> => {
  const ratioBytes = Math.max(inflateFreeBytes, bytes.length * limits.inflateRatioMax)
  const bytesMax = Math.min(limits.bytesMax, ratioBytes)
  return new Promise((resolve, reject) => {
    const stream = encoding === 'gzip' ? createGunzip() : createInflate()
    const chunks: Buffer[] = []
    let total = 0
    stream.on('data', (chunk: Buffer) => {
      total += chunk.length
      if (total > bytesMax) {
        stream.destroy()
        reject(fail('payload_too_large', { what: 'the decompressed request body', limitBytes: bytesMax }))
        return
      }
      try {
        limits.share.take(chunk.length)
      } catch (error) {
        stream.destroy()
        reject(error as AppError)
        return
      }
      chunks.push(chunk)
    })
    stream.on('end', () => resolve(Buffer.concat(chunks, total)))
    stream.on('error', (error) =>
      reject(fail('invalid_request', { reason: `the ${encoding} body is damaged: ${error.message}` }, error)),
    )
    stream.end(bytes)
  })
}

/** The body in pieces as it arrives. The reader sets the pace; the sum is bounded. */
export async function* streamBody(
  { request, begin }: Omit<IncomingBody, 'share'>,
  bytesMax: number,
): AsyncGenerator<Uint8Array> {
  const tooLong = (): AppError => fail('payload_too_large', { what: 'the uploaded file', limitBytes: bytesMax })
  if (request.headers['content-encoding'] !== undefined)
    throw fail('unsupported_encoding', { encoding: String(request.headers['content-encoding']) })
  if (declaredBytes(request) > bytesMax) throw tooLong()
  begin()
  let bytes = 0
  try {
    // Why: an upload that is refused half-way is still answered, so the connection must outlive its reader.
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      bytes += chunk.length
      if (bytes > bytesMax) throw tooLong()
      yield chunk
    }
  } catch (error) {
    if (request.complete || error instanceof AppError) throw error
    throw fail('cancelled', {}, error)
  } finally {
    // What nobody reads would keep the next request of the connection waiting.
    request.resume()
  }
}
