import { defaultFrameBytes, defaultWindowBytes, errorCode, numberMax, setting } from './codes.ts'
import { ConnectionError } from './connection-error.ts'

const settingBytes = 6
/** No frame is longer, whatever the peer takes, so that calls take turns. */
const sentFrameBytesMax = 256 * 1024
const frameBytesLimit = 2 ** 24 - 1
const tableBytesDefault = 4096

/** What the client wishes (RFC 9113, section 6.5.2), as far as it concerns a server. */
export class PeerSettings {
  /** Window of new streams. */
  windowBytes = defaultWindowBytes
  /** Largest frame to send. */
  frameBytes = defaultFrameBytes
  /** The client asked once for a table smaller than HPACK's own. */
  smallTable = false

  /** Reads a SETTINGS frame. Throws a ConnectionError. */
  read(payload: Buffer): void {
    for (let at = 0; at < payload.length; at += settingBytes)
      this.#set(payload.readUInt16BE(at), payload.readUInt32BE(at + 2))
  }

  #set(id: number, value: number): void {
    if (id === setting.enablePush && value > 1) throw wrong(errorCode.protocol, 'ENABLE_PUSH', value)
    if (id === setting.headerTableSize && value < tableBytesDefault) this.smallTable = true
    if (id === setting.initialWindowSize) {
      if (value > numberMax) throw wrong(errorCode.flowControl, 'INITIAL_WINDOW_SIZE', value)
      this.windowBytes = value
    }
    if (id === setting.maxFrameSize) {
      if (value < defaultFrameBytes || value > frameBytesLimit) throw wrong(errorCode.protocol, 'MAX_FRAME_SIZE', value)
      this.frameBytes = Math.min(value, sentFrameBytesMax)
    }
  }
}

const wrong = (code: number, name: string, value: number): ConnectionError =>
  new ConnectionError(code, `the setting ${name} is ${value}`)

/** A SETTINGS frame's payload. */
export const encodeSettings = (settings: readonly (readonly [id: number, value: number])[]): Buffer => {
  const payload = Buffer.alloc(settings.length * settingBytes)
  for (const [index, [id, value]] of settings.entries()) {
    payload.writeUInt16BE(id, index * settingBytes)
    payload.writeUInt32BE(value, index * settingBytes + 2)
  }
  return payload
}
