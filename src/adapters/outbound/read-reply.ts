import type { IncomingMessage } from 'node:http'
import type { OutboundReply } from '../../ports/index.ts'

/** Reads a reply up to a bound; one that goes on is complete for us there. Fails when it breaks off before. */
export const readReply = async (response: IncomingMessage, bytesMax: number): Promise<OutboundReply> => {
  const pieces: Uint8Array[] = []
  let bytes = 0
  for await (const piece of response as AsyncIterable<Uint8Array>) {
    pieces.push(piece.subarray(0, bytesMax - bytes))
    bytes += piece.length
    if (bytes >= bytesMax) break
  }
  const headers = Object.entries(response.headers).map(([name, value]) => [name, String(value)] as const)
  return { status: response.statusCode ?? 0, headers: Object.fromEntries(headers), body: Buffer.concat(pieces) }
}
