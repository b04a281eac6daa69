import { createReadStream } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pipeline } from 'node:stream/promises'

/** A server that does nothing but copy: PUT writes the body to the file of the argument and syncs it, GET sends the file. */
const [path = ''] = process.argv.slice(2)

const server = createServer((request, response) => {
  const serve = async (): Promise<void> => {
    if (request.method === 'GET') {
      response.setHeader('content-length', (await stat(path)).size)
      await pipeline(createReadStream(path, { highWaterMark: 1024 * 1024 }), response)
      return
    }
    const file = await open(path, 'w')
    for await (const piece of request as AsyncIterable<Buffer>) await file.write(piece)
    await file.datasync()
    await file.close()
    response.end()
  }
  serve().catch((error: unknown) => response.destroy(error as Error))
})
server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port))
