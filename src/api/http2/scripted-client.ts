import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { frameType } from './codes.ts'
import type { ConnectionError } from './connection-error.ts'
import { FrameWriter } from './frame-writer.ts'
import { encodeHeaders } from './hpack-encoder.ts'
import type { HeaderList } from './hpack-encoder.ts'
import { Http2Connection } from './http2-connection.ts'
import type { Http2Stream } from './http2-stream.ts'

export const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
const { resetStream, settings, ping, goaway, headers } = frameType
export const endStream = 1
export const ack = 1
export const endHeaders = 4
export const whole = endStream | endHeaders
export const padded = 8
export const prioritized = 32

export const frame = (type: number, flags = 0, stream = 0, payload: Uint8Array = Buffer.alloc(0)): Buffer => {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

export const number = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

export const wish = (id: number, value: number): Buffer => Buffer.concat([Buffer.of(0, id), number(value)])

const request: HeaderList = [
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', '/a'],
]
export const block = encodeHeaders(request)
export const blockWith = (...fields: HeaderList): Buffer => encodeHeaders([...request, ...fields])

export interface Frame {
  readonly type: number
  readonly flags: number
  readonly stream: number
  readonly payload: Buffer
}

const framesOf = (bytes: Buffer): Frame[] => {
  const frames: Frame[] = []
  for (let at = 0; at < bytes.length;) {
    const end = at + 9 + bytes.readUIntBE(at, 3)
    if (end > bytes.length) throw new Error('the last frame is cut')
    const payload = bytes.subarray(at + 9, end)
    frames.push({ type: bytes[at + 3] ?? 0, flags: bytes[at + 4] ?? 0, stream: bytes.readUInt32BE(at + 5), payload })
    at = end
  }
  return frames
}

export const limits = {
  streamsMax: 3,
  streamWindowBytes: 1024 * 1024,
  connectionWindowBytes: 8 * 1024 * 1024,
  frameBytesMax: 256 * 1024,
  headerListBytesMax: 16_384,
  waitingBytesMax: 1024 * 1024,
}

/** A connection whose client is the test. */
export class Client {
  readonly streams: Http2Stream[] = []
  /** What arrived of each request's content; `end` once it is complete. */
  readonly heard: string[] = []
  readonly closed: number[] = []
  readonly connection: Http2Connection
  nowMs = 0
  done: ConnectionError | true | undefined
  /** Whether the client reads what it is sent. */
  reads = true
  #sent: Buffer[] = []
  #stuck: (() => void)[] = []

  constructor(onStream: (stream: Http2Stream) => void = () => {}) {
    const socket = new Duplex({
      read() {},
      write: (chunk: Buffer, _encoding, taken) => {
        this.#sent.push(Buffer.from(chunk))
        if (this.reads) taken()
        else this.#stuck.push(taken)
      },
    })
    this.connection = new Http2Connection(socket as unknown as Socket, {
      limits,
      writer: new FrameWriter(),
      now: () => this.nowMs,
      onStream: (stream) => {
        this.streams.push(stream)
        stream.read({
          data: (piece) => void this.heard.push(`${stream.id} ${piece.toString('latin1')}`),
          end: () => void this.heard.push(`${stream.id} end`),
        })
        stream.onClose = () => void this.closed.push(stream.id)
        onStream(stream)
      },
      onSpoken() {},
      onDone: (error) => {
        this.done = error ?? true
      },
    })
    socket.on('drain', () => this.connection.drained())
  }

  send(...frames: Uint8Array[]): void {
    this.connection.push(Buffer.concat(frames))
  }

  hello(...wishes: Buffer[]): void {
    this.send(preface, frame(settings, 0, 0, Buffer.concat(wishes)))
    this.take()
  }

  open(stream: number, flags = endHeaders): void {
    this.send(frame(headers, flags, stream, block))
  }

  /** The frames that were sent since the last call. */
  take(): Frame[] {
    return framesOf(Buffer.concat(this.#sent.splice(0)))
  }

  /** Reads all that the server has to say. */
  async catchUp(): Promise<void> {
    this.reads = true
    for (const taken of this.#stuck.splice(0)) taken()
    await turn()
  }
}

export const turn = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve)
  })

/** How the server takes frames: the code of its GOAWAY, or of its RST_STREAM for stream 1, or neither. */
export const verdict = (client: Client): string => {
  const frames = client.take()
  const end = frames.find(({ type }) => type === goaway)
  if (end !== undefined) return `connection ${end.payload.readUInt32BE(4)}`
  const reset = frames.find(({ type }) => type === resetStream)
  client.send(frame(ping, 0, 0, Buffer.from('are you?')))
  if (!client.take().some(({ payload }) => String(payload) === 'are you?')) return 'silent'
  return reset === undefined ? 'fine' : `stream ${reset.payload.readUInt32BE(0)}`
}

/** The verdicts of an error of the connection and of a stream. */
export const connection = (code: number): string => `connection ${code}`
export const stream = (code: number): string => `stream ${code}`
export const open1 = frame(headers, endHeaders, 1, block)
