import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { callHead, frameTypes, openRaw, rawFrame } from './raw-http2.ts'

/** A model named echo takes and gives this many FP32 values: more than systems buffer of a connection. */
export const largeValues = 8_000_000

const post = (path: string, headers: string, body = ''): string =>
  `POST ${path} HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n${body}`

const endHeaders = 4

const grpcCall = (path: string, message: Uint8Array, declared = message.length): Buffer => {
  const prefix = Buffer.alloc(5)
  prefix.writeUInt32BE(declared, 1)
  const head = rawFrame({ type: frameTypes.headers, flags: endHeaders, stream: 1, payload: callHead(path) })
  return Buffer.concat([
    head,
    rawFrame({ type: frameTypes.data, stream: 1, payload: Buffer.concat([prefix, message]) }),
  ])
}

const endOfStream = rawFrame({ type: frameTypes.data, flags: 1, stream: 1 })

/** A request of the echo model by the binary extension, whose answer is as large. */
const largeRequest = (): Buffer => {
  const bytes = 4 * largeValues
  const parameters = { binary_data_size: bytes }
  const json = JSON.stringify({
    inputs: [{ name: 'x', datatype: 'FP32', shape: [largeValues], parameters }],
    parameters: { binary_data_output: true },
  })
  const headers = `Content-Length: ${json.length + bytes}\r\nInference-Header-Content-Length: ${json.length}\r\n`
  return Buffer.concat([Buffer.from(post('/v2/models/echo/infer', headers, json)), Buffer.alloc(bytes)])
}

/** What clients have said when they are heard of for the last time. */
const httpBeginnings: readonly (readonly [state: string, said: string | Buffer, answered: boolean])[] = [
  // First, since it takes the longest to get there.
  ['within the answer', largeRequest(), true],
  ['before the first byte', '', false],
  ['within the head', 'GET /v2 HTTP/1.1\r\nX-Slow: ', false],
  ['within the body', post('/v2/models/echo/infer', 'Content-Length: 100\r\n', '{'), false],
  [
    'within an upload',
    post('/api/slipway/v1/models/new/versions?file=model.mjs', 'Content-Length: 5000000\r\n', 'export'),
    false,
  ],
  ['between requests', 'GET /v2/health/live HTTP/1.1\r\nHost: localhost\r\n\r\n', true],
]

const nothing = Buffer.alloc(0)
const grpcBeginnings: readonly (readonly [state: string, said: Buffer])[] = [
  ['between calls', nothing],
  ['within the request of a call', grpcCall('/inference.GRPCInferenceService/ModelInfer', Buffer.alloc(10), 1000)],
  ['within a stream of requests', grpcCall('/inference.GRPCInferenceService/ModelStreamInfer', nothing)],
  ['watching the health', Buffer.concat([grpcCall('/grpc.health.v1.Health/Watch', nothing), endOfStream])],
]

/** How many connections `openClients` opens. */
export const clientsOpened: number = httpBeginnings.length + grpcBeginnings.length + 1

/** Clients in every state that a connection has, which from then on neither send nor read, and never say so. */
export const openClients = async (http: string, grpc: string): Promise<Socket[]> => {
  const sockets: Socket[] = []
  const open = async (address: string): Promise<Socket> => {
    const { hostname, port } = new URL(address)
    const socket = connect(Number(port), hostname)
    // What ends them in the end is not what this is about.
    socket.on('error', () => {})
    await once(socket, 'connect')
    sockets.push(socket)
    return socket
  }
  for (const [, said, isAnswered] of httpBeginnings) {
    const socket = await open(http)
    socket.write(said)
    if (isAnswered) await once(socket, 'readable')
  }
  await open(`http://${grpc}`)
  for (const [, said] of grpcBeginnings) {
    const client = await openRaw(grpc)
    client.socket.write(said)
    await client.heard()
    client.socket.pause()
    sockets.push(client.socket)
  }
  return sockets
}

// As a program: in a network of its own, which then goes down.
if (import.meta.main) {
  await openClients(process.argv[2] ?? '', process.argv[3] ?? '')
  process.stdout.write('open\n')
  setInterval(() => {}, 1000)
}
