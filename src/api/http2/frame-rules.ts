import { errorCode, flag, frameType } from './codes.ts'
import { ConnectionError } from './connection-error.ts'

/** Lengths that are fixed (RFC 9113, sections 6.3 to 6.9). */
const fixedLengths: Readonly<Record<number, number>> = {
  [frameType.priority]: 5,
  [frameType.resetStream]: 4,
  [frameType.ping]: 8,
  [frameType.windowUpdate]: 4,
}

/** Types that only concern a connection, and types that only concern a stream. */
const ofConnection: ReadonlySet<number> = new Set([frameType.settings, frameType.ping, frameType.goaway])
const ofStream: ReadonlySet<number> = new Set([
  frameType.data,
  frameType.headers,
  frameType.priority,
  frameType.resetStream,
  frameType.continuation,
])

/** What is held of one frame other than DATA; no such frame needs more. */
const heldBytesMax = 64 * 1024
const settingBytes = 6

/** Refuses a frame that no state of a connection makes right (RFC 9113, sections 4.2 and 6). Throws a ConnectionError. */
export const checkFrame = (type: number, flags: number, stream: number, length: number): void => {
  const fixed = fixedLengths[type]
  if (fixed !== undefined && fixed !== length)
    throw new ConnectionError(errorCode.frameSize, `a frame of type ${type} with ${length} bytes`)
  if (stream === 0 ? ofStream.has(type) : ofConnection.has(type))
    throw new ConnectionError(errorCode.protocol, `a frame of type ${type} on stream ${stream}`)
  if (type === frameType.pushPromise) throw new ConnectionError(errorCode.protocol, 'a push by a client')
  if (type === frameType.settings) checkSettingsLength(flags, length)
  if (length > heldBytesMax && type !== frameType.data && type <= frameType.continuation)
    throw new ConnectionError(errorCode.enhanceYourCalm, `a frame of type ${type} with ${length} bytes`)
}

const checkSettingsLength = (flags: number, length: number): void => {
  if (flags & flag.ack ? length > 0 : length % settingBytes > 0)
    throw new ConnectionError(errorCode.frameSize, `settings of ${length} bytes`)
}
