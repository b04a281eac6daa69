export { errorCode } from './codes.ts'
export { encodeHeaders } from './hpack-encoder.ts'
export { Http2Server } from './http2-server.ts'
export type { Http2Stream } from './http2-stream.ts'
