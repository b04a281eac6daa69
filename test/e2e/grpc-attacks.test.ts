import { connect } from 'node:http2'
import { readdirSync } from 'node:fs'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { eventually, inferBody, liveBytes, startTestApp } from '../../src/testing/index.ts'
import type { TestApp } from '../../src/testing/index.ts'
import { callHead, frameTypes, hpackHeader, openRaw, rawFrame } from './raw-http2.ts'
import type { RawHttp2 } from './raw-http2.ts'

const mebibyte = 1024 * 1024
const path = '/inference.GRPCInferenceService/ModelInfer'
const endHeaders = 4
const endStream = 1

let app: TestApp
let descriptors: number

const openDescriptors = (): number => readdirSync('/proc/self/fd').length

/** An honest call, of an empty request, on a connection of its own: the server says what is wrong with it. */
const honest = (): Promise<string> =>
  new Promise((resolve, reject) => {
    const session = connect(`http://${app.addresses.grpc}`)
    session.on('error', reject)
    const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc' })
    let status = ''
    stream.on('response', (headers) => (status = String(headers['grpc-status'])))
    stream.on('error', reject)
    stream.on('close', () => session.close(() => resolve(status)))
    stream.resume()
    stream.end(Buffer.alloc(5))
  })

const notFound = '5'

/** Whether the server is as it was: it serves, holds no connection of the attacker, and little memory more. */
const isWell = async (before: number): Promise<void> => {
  expect(await honest()).toBe(notFound)
  expect((await app.post('/v2/models/echo/infer', inferBody([1]))).status).toBe(200)
  expect(liveBytes() - before).toBeLessThan(64 * mebibyte)
  await eventually('its connections are gone', () => (openDescriptors() <= descriptors + 4 ? true : undefined))
}

beforeAll(async () => {
  app = await startTestApp({
    models: { 'echo/1/model.echo.json': JSON.stringify({ inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 1] }] }) },
    flags: ['--grpc.request-timeout-ms=2000', '--grpc.streams-max=100'],
  })
  await honest()
  await app.post('/v2/models/echo/infer', inferBody([1]))
})

beforeEach(() => {
  descriptors = openDescriptors()
})

afterAll(async () => {
  expect(app.log.filter((line) => line.level === 'error')).toEqual([])
  await app.stop()
})

const head = (stream: number, block: Uint8Array = callHead(path), flags = endHeaders): Buffer =>
  rawFrame({ type: frameTypes.headers, flags, stream, payload: block })

const streamIds = (count: number, from = 1): number[] => Array.from({ length: count }, (_, i) => from + 2 * i)

/** What a client may do to a connection that no client should, and whether the server ends it for that. */
const attacks: readonly [string, (client: RawHttp2) => Promise<void>, 'ends' | 'goes on'][] = [
  [
    'opens ten thousand calls at once, whatever is allowed',
    (client) => client.flood(Buffer.concat(streamIds(10_000).map((id) => head(id))), 1),
    'ends',
  ],
  [
    'opens and resets a hundred thousand calls',
    async (client) => {
      const cancel = Buffer.of(0, 0, 0, 8)
      for (let from = 1; from < 200_000 && client.socket.writable; from += 2000) {
        const frames = streamIds(1000, from).flatMap((stream) => [
          head(stream),
          rawFrame({ type: frameTypes.reset, stream, payload: cancel }),
        ])
        await client.flood(Buffer.concat(frames), 1)
      }
    },
    'ends',
  ],
  [
    'unpacks headers from a table, thousands of times their size',
    async (client) => {
      const first = Buffer.concat([callHead(path), hpackHeader('x-bomb', 'a'.repeat(3900), true)])
      await client.flood(head(1, first, endHeaders | endStream), 1)
      for (const stream of streamIds(200, 3))
        await client.flood(head(stream, Buffer.alloc(16_000, 0xbe), endHeaders | endStream), 1)
    },
    'goes on',
  ],
  [
    'sends headers that never end',
    async (client) => {
      await client.flood(head(1, callHead(path), 0), 1)
      const more = rawFrame({
        type: frameTypes.continuation,
        stream: 1,
        payload: hpackHeader('x-more', 'a'.repeat(1000)),
      })
      await client.flood(more, 20_000)
    },
    'ends',
  ],
  [
    'sends empty pieces of headers without end',
    async (client) => {
      await client.flood(head(1, callHead(path), 0), 1)
      await client.flood(rawFrame({ type: frameTypes.continuation, stream: 1 }), 100_000)
    },
    'ends',
  ],
  [
    'pings and never reads the answers',
    async (client) => {
      client.socket.pause()
      const pings = Buffer.concat(
        Array.from({ length: 1000 }, () => rawFrame({ type: frameTypes.ping, payload: Buffer.alloc(8) })),
      )
      for (let turn = 0; turn < 2000 && client.socket.writableLength < 4 * mebibyte; turn++) client.socket.write(pings)
      await honest()
      client.socket.resume()
    },
    'ends',
  ],
  [
    'sends settings and never reads the answers',
    async (client) => {
      client.socket.pause()
      const some = Buffer.concat(Array.from({ length: 1000 }, () => rawFrame({ type: frameTypes.settings })))
      for (let turn = 0; turn < 2000 && client.socket.writableLength < 4 * mebibyte; turn++) client.socket.write(some)
      await honest()
      client.socket.resume()
    },
    'ends',
  ],
  [
    'sends a million priorities',
    async (client) => {
      const frame = rawFrame({ type: frameTypes.priority, stream: 1, payload: Buffer.of(0, 0, 0, 3, 16) })
      await client.flood(Buffer.concat(Array.from({ length: 1000 }, () => frame)), 1000)
    },
    'ends',
  ],
  [
    'sends a call in a hundred thousand empty pieces',
    async (client) => {
      await client.flood(head(1), 1)
      const empty = rawFrame({ type: frameTypes.data, stream: 1 })
      await client.flood(Buffer.concat(Array.from({ length: 1000 }, () => empty)), 100)
    },
    'ends',
  ],
  [
    'opens its window beyond what numbers hold',
    async (client) => {
      const update = rawFrame({ type: frameTypes.windowUpdate, payload: Buffer.of(0x7f, 0xff, 0xff, 0xff) })
      await client.flood(update, 2)
    },
    'ends',
  ],
  [
    'opens its window by nothing',
    (client) => client.flood(rawFrame({ type: frameTypes.windowUpdate, payload: Buffer.alloc(4) }), 1),
    'ends',
  ],
  [
    'sends data to no call',
    (client) => client.flood(rawFrame({ type: frameTypes.data, payload: Buffer.alloc(100) }), 1),
    'ends',
  ],
  [
    'makes the server reset fifty thousand calls',
    async (client) => {
      for (let from = 1; from < 100_000 && client.socket.writable; from += 2000) {
        const frames = streamIds(1000, from).flatMap((stream) => [
          head(stream),
          rawFrame({ type: frameTypes.windowUpdate, stream, payload: Buffer.alloc(4) }),
        ])
        await client.flood(Buffer.concat(frames), 1)
      }
    },
    'ends',
  ],
  [
    'opens its window a million times',
    async (client) => {
      const update = rawFrame({ type: frameTypes.windowUpdate, payload: Buffer.of(0, 0, 0, 1) })
      await client.flood(Buffer.concat(Array.from({ length: 1000 }, () => update)), 1000)
    },
    'ends',
  ],
  [
    'lets no answer leave',
    async (client) => {
      await client.flood(rawFrame({ type: frameTypes.settings, payload: Buffer.of(0, 4, 0, 0, 0, 0) }), 1)
      const empty = rawFrame({ type: frameTypes.data, flags: endStream, payload: Buffer.alloc(5) })
      for (const stream of streamIds(1000)) {
        empty.writeUInt32BE(stream, 5)
        await client.flood(Buffer.concat([head(stream), empty]), 1)
      }
    },
    'goes on',
  ],
  [
    'sends a byte at a time',
    async (client) => {
      const call = Buffer.concat([head(1), rawFrame({ type: frameTypes.data, stream: 1, payload: Buffer.alloc(5) })])
      client.socket.setNoDelay(true)
      for (const byte of call) {
        client.socket.write(Buffer.of(byte))
        await new Promise(setImmediate)
      }
    },
    'goes on',
  ],
  [
    'announces a frame of 16 MiB',
    (client) => client.flood(Buffer.concat([Buffer.of(0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1), Buffer.alloc(1000)]), 1),
    'ends',
  ],
  ['uses an even number for its call', (client) => client.flood(head(2), 1), 'ends'],
  [
    'refers to a header that no table has',
    (client) => client.flood(head(1, Buffer.of(0xff, 0xff, 0xff, 0x0f)), 1),
    'ends',
  ],
  [
    'asks for a table of 4 GiB',
    (client) => client.flood(head(1, Buffer.of(0x3f, 0xe1, 0xff, 0xff, 0xff, 0x0f)), 1),
    'ends',
  ],
]

describe('a client that', () => {
  it.each(attacks)('%s harms nobody', async (_, attack, end) => {
    const before = liveBytes()
    const client = await openRaw(app.addresses.grpc)
    const attacked = attack(client)
    expect(await honest()).toBe(notFound)
    await attacked
    if (end === 'ends') await client.closed
    else await client.heard()
    expect(client.socket.destroyed).toBe(end === 'ends')
    client.socket.destroy()
    await isWell(before)
  })

  it('sends a mebibyte of metadata is refused', async () => {
    const before = liveBytes()
    const session = connect(`http://${app.addresses.grpc}`, { maxSendHeaderBlockLength: 4 * mebibyte })
    session.on('error', () => {})
    const stream = session.request({ ':method': 'POST', ':path': path, 'x-big': 'a'.repeat(mebibyte) })
    const refused = new Promise<string>((resolve) => {
      stream.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''))
      stream.on('response', () => resolve('answered'))
    })
    expect(await refused).not.toBe('answered')
    session.destroy()
    await isWell(before)
  })

  it('leaves in the midst of a thousand messages leaves nothing of them', async () => {
    const before = liveBytes()
    for (let turn = 0; turn < 10; turn++) {
      const client = await openRaw(app.addresses.grpc)
      const begun = Buffer.alloc(1000)
      begun.writeUInt32BE(mebibyte, 1)
      const frames = streamIds(100).flatMap((stream) => [
        head(stream),
        rawFrame({ type: frameTypes.data, stream, payload: begun }),
      ])
      await client.flood(Buffer.concat(frames), 1)
      await client.heard()
      client.socket.resetAndDestroy()
    }
    await isWell(before)
  })
})
