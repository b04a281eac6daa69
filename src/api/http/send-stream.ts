import type { ServerResponse } from 'node:http'
import { freeBytes } from '../../lib/index.ts'
import type { Reply } from '../../protocol/index.ts'

/**
 * Sends a body of known length at the client's pace. A source that fails or ends half-way cuts the connection, so that
 * nobody takes the part for the whole; its error is thrown. A client that leaves ends the source.
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
  let left = bytes
  try {
    for await (const piece of pieces) {
      left -= piece.length
      if (left < 0 || !(await isSent(response, piece))) break
    }
  } finally {
    if (left === 0) response.end()
    else response.destroy()
  }
}

/** Waits until a piece is with the system, which paces the source. False when the client has left. */
const isSent = async (response: ServerResponse, piece: Uint8Array): Promise<boolean> => {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const left = (): void => resolve(false)
  response.once('close', left)
  response.write(piece, (error) => resolve(error === null || error === undefined))
  const sent = !response.destroyed && (await promise)
  response.off('close', left)
  if (sent) freeBytes(piece)
  return sent
}
