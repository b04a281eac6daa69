import type { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Reply } from '../../protocol/index.ts'

/**
 * Sends a body of known length at the client's pace. A source that fails half-way cuts the connection, so that nobody
 * takes the part for the whole; its error is thrown. A client that leaves ends the source.
 */
export const sendStream = async (
  response: ServerResponse,
  { bytes, pieces }: NonNullable<Reply['stream']>,
): Promise<void> => {
  response.setHeader('content-length', bytes)
  // Of a HEAD the source is never opened.
  if (response.req.method === 'HEAD') {
    response.end()
    return
  }
  let failure: Error | undefined
  const source = async function* (): AsyncGenerator<Uint8Array> {
    try {
      yield* pieces
    } catch (error) {
      failure = error instanceof Error ? error : new Error(String(error))
      throw error
    }
  }
  try {
    await pipeline(Readable.from(source(), { objectMode: false }), response)
  } catch {
    response.destroy()
  }
  if (failure !== undefined) throw failure
}
