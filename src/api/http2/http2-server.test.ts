import { once } from 'node:events'
import { connect } from 'node:http2'
import type { ClientHttp2Session, IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http2'
import { connect as connectTcp } from 'node:net'
import type { Socket } from 'node:net'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../lib/index.ts'
import { encodeHeaders } from './hpack-encoder.ts'
import type { Http2ServerOptions } from './http2-server.ts'
import { Http2Server } from './http2-server.ts'
import type { Http2Stream } from './http2-stream.ts'

const mebibyte = 1024 * 1024
const failures: unknown[] = []

const options: Http2ServerOptions = {
  host: '127.0.0.1',
  port: 0,
  reusePort: false,
  connectionsMax: 100,
  beginMsMax: 5000,
  silenceMs: 5000,
  limits: {
    streamsMax: 100,
    streamWindowBytes: mebibyte,
    connectionWindowBytes: 8 * mebibyte,
    frameBytesMax: 256 * 1024,
    headerListBytesMax: 64 * 1024,
    waitingBytesMax: 64 * mebibyte,
  },
}

/** Sends back what comes, piece by piece, at the pace of its client, with the field x-echo in the trailers. */
const echo = (stream: Http2Stream): void => {
  stream.respond(encodeHeaders([[':status', '200']]))
  stream.read({
    data(piece) {
      if (stream.write(piece)) return
      stream.incoming.pause()
      stream.outgoing.whenDrained(() => stream.incoming.resume())
    },
    end: () => stream.end(encodeHeaders([['x-echo', stream.field('x-echo') ?? '']])),
  })
}

const serve = async (changes: Partial<Http2ServerOptions> = {}): Promise<{ server: Http2Server; port: number }> => {
  const server = new Http2Server(
    { ...options, ...changes },
    {
      clock: systemClock,
      onStream: echo,
      listenerFailed: (error) => failures.push(error),
      connectionFailed: (error) => failures.push(error),
    },
  )
  return { server, port: (await server.listen()).port }
}

/** Memory of a session is in megabytes, and bounds what waits to be sent, too. */
const sessionTo = (port: number, settings = {}): ClientHttp2Session => {
  const session = connect(`http://127.0.0.1:${port}`, { settings, maxSessionMemory: 500 })
  session.on('error', () => {})
  return session
}

const closed = (socket: Socket): Promise<void> =>
  new Promise((resolve) => {
    socket.on('error', () => {}).on('close', () => resolve())
    socket.resume()
  })

interface Reply {
  readonly status: unknown
  readonly body: Buffer
  readonly trailers: IncomingHttpHeaders
}

const ask = async (session: ClientHttp2Session, headers: OutgoingHttpHeaders, body: Uint8Array): Promise<Reply> => {
  const stream = session.request({ ':method': 'POST', ...headers }, { endStream: false })
  let status: unknown
  let trailers: IncomingHttpHeaders = {}
  stream.on('response', (received) => (status = received[':status']))
  stream.on('trailers', (received) => (trailers = received))
  stream.end(body)
  const pieces: Buffer[] = []
  for await (const piece of stream as AsyncIterable<Buffer>) pieces.push(piece)
  return { status, body: Buffer.concat(pieces), trailers }
}

let open: { server: Http2Server; port: number }

beforeAll(async () => {
  open = await serve()
})

afterAll(async () => {
  await open.server.close(1000)
  expect(failures).toEqual([])
})

describe("Node's client", () => {
  it('is understood, whatever its fields and contents', async () => {
    const session = sessionTo(open.port)
    // Node codes most values after Huffman, and puts them into the table.
    const value = fc.stringMatching(/^[!-~]([ -~]{0,200}[!-~])?$/)
    const body = fc.uint8Array({ maxLength: 5000 })
    await fc.assert(
      fc.asyncProperty(fc.array(value, { minLength: 1, maxLength: 4 }), body, async (values, bytes) => {
        const replies = await Promise.all(values.map((text) => ask(session, { 'x-echo': text }, bytes)))
        for (const [index, reply] of replies.entries()) {
          expect(reply.status).toBe(200)
          expect(reply.trailers['x-echo']).toBe(values[index])
          expect(reply.body.equals(Buffer.from(bytes))).toBe(true)
        }
      }),
      { numRuns: 60 },
    )
    session.close()
  })

  it.each([{}, { initialWindowSize: 1000 }, { maxFrameSize: 2 ** 20, initialWindowSize: 4 * mebibyte }])(
    'with the settings %j gets large contents back, several at a time',
    async (settings) => {
      const session = sessionTo(open.port, settings)
      const size = settings.initialWindowSize === 1000 ? 300_000 : 4 * mebibyte
      const bodies = [1, 2, 3].map((seed) => Buffer.from(Uint8Array.from({ length: size }, (_, i) => i * seed)))
      const replies = await Promise.all(bodies.map((body) => ask(session, {}, body)))
      for (const [index, reply] of replies.entries())
        expect(reply.body.equals(bodies[index] ?? Buffer.alloc(0))).toBe(true)
      session.close()
    },
  )

  it('may say goodbye while it waits', async () => {
    const session = sessionTo(open.port)
    await once(session, 'remoteSettings')
    const reply = ask(session, { 'x-echo': 'last' }, Buffer.alloc(100_000))
    session.close()
    expect((await reply).trailers['x-echo']).toBe('last')
  })
})

describe('a connection', () => {
  it.each([
    ['says nothing', ''],
    ['stops within its beginning', 'PRI * HTTP/2.0\r\n'],
    ['begins with nothing after', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ])('that %s is closed', async (_, text) => {
    const { server, port } = await serve({ beginMsMax: 50 })
    const socket = connectTcp(port, '127.0.0.1')
    socket.write(text)
    await closed(socket)
    await server.close(1000)
  })

  it('beyond the limit is closed at once', async () => {
    const { server, port } = await serve({ connectionsMax: 1 })
    const session = sessionTo(port)
    expect((await ask(session, {}, Buffer.of(1))).status).toBe(200)
    const second = connectTcp(port, '127.0.0.1')
    await closed(second)
    expect((await ask(session, {}, Buffer.of(1))).status).toBe(200)
    session.close()
    await server.close(1000)
  })
})
