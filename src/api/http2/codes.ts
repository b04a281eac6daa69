/** Types of frames (RFC 9113, section 6). */
export const frameType = {
  data: 0,
  headers: 1,
  priority: 2,
  resetStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const

export const flag = { ack: 1, endStream: 1, endHeaders: 4, padded: 8, priority: 32 } as const

/** Why a stream or a connection ends (RFC 9113, section 7). */
export const errorCode = {
  none: 0,
  protocol: 1,
  internal: 2,
  flowControl: 3,
  streamClosed: 5,
  frameSize: 6,
  refusedStream: 7,
  cancel: 8,
  compression: 9,
  enhanceYourCalm: 11,
} as const

/** Settings (RFC 9113, section 6.5.2). */
export const setting = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
} as const

/** Bytes before the payload of each frame (RFC 9113, section 4.1). */
export const frameHeadBytes = 9
/** Largest window and largest number of a stream. */
export const numberMax = 2 ** 31 - 1
/** Flow-control window of a connection, and of a stream unless settings say otherwise (RFC 9113, section 6.9.2). */
export const defaultWindowBytes = 65_535
/** Frames up to this size every peer accepts (RFC 9113, section 4.2). */
export const defaultFrameBytes = 16_384
