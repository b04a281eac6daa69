import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'

/** Types of frames (RFC 9113, section 6). */
export const frameTypes = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const

export interface RawFrame {
  readonly type: number
  readonly flags?: number
  readonly stream?: number
  readonly payload?: Uint8Array
}

export const rawFrame = ({ type, flags = 0, stream = 0, payload = new Uint8Array(0) }: RawFrame): Buffer => {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

/** A text of HPACK without Huffman coding. */
const hpackText = (text: string): Buffer => {
  const bytes = Buffer.from(text)
  if (bytes.length < 127) return Buffer.concat([Buffer.of(bytes.length), bytes])
  const length = [0x7f]
  let rest = bytes.length - 127
  for (; rest > 127; rest >>= 7) length.push((rest & 0x7f) | 0x80)
  return Buffer.concat([Buffer.from([...length, rest]), bytes])
}

/** A header that isn't put into the table, or with `indexed` is. */
export const hpackHeader = (name: string, value: string, indexed = false): Buffer =>
  Buffer.concat([Buffer.of(indexed ? 0x40 : 0), hpackText(name), hpackText(value)])

/** The head of a call of a gRPC method. */
export const callHead = (path: string): Buffer =>
  Buffer.concat([
    // POST and http, from the static table.
    Buffer.of(0x83, 0x86),
    hpackHeader(':path', path),
    hpackHeader(':authority', 'localhost'),
    hpackHeader('content-type', 'application/grpc'),
    hpackHeader('te', 'trailers'),
  ])

/** A client of HTTP/2 that does what it likes. */
export interface RawHttp2 {
  readonly socket: Socket
  /** Whether the server has ended the connection. */
  readonly closed: Promise<void>
  /** Bytes that the server has sent. */
  received(): number
  /** Writes at the server's pace, until the connection ends. */
  flood(bytes: Uint8Array, times: number): Promise<void>
  /** Settles once the server, having read all before, answers a ping or ends the connection. */
  heard(): Promise<void>
}

export const openRaw = async (address: string): Promise<RawHttp2> => {
  const { hostname, port } = new URL(`http://${address}`)
  const socket = connect(Number(port), hostname)
  let bytes = 0
  socket.on('data', (chunk) => (bytes += chunk.length)).on('error', () => {})
  const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()))
  await once(socket, 'connect')
  socket.write(
    Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), rawFrame({ type: frameTypes.settings })]),
  )
  const drained = (): Promise<unknown> =>
    Promise.race([closed, new Promise<void>((resolve) => socket.once('drain', resolve))])
  return {
    socket,
    closed,
    received: () => bytes,
    async flood(piece, times) {
      for (let turn = 0; turn < times && socket.writable; turn++) if (!socket.write(piece)) await drained()
    },
    async heard() {
      const mark = Buffer.from('fine,thx')
      const answered = new Promise<void>((resolve) =>
        socket.on('data', (chunk: Buffer) => {
          if (chunk.includes(mark)) resolve()
        }),
      )
      if (socket.writable) socket.write(rawFrame({ type: frameTypes.ping, payload: mark }))
      await Promise.race([closed, answered])
    },
  }
}
