/** Options of the gRPC door. It listens on the host of the HTTP door. */
export const grpcOptions = {
  port: {
    type: 'integer',
    default: 8081,
    min: 0,
    max: 65535,
    flag: 'grpc-port',
    doc: 'Port of gRPC; 0 picks a free one.',
  },
  messageBytesMax: {
    type: 'bytes',
    default: 64 * 1024 * 1024,
    min: 1024,
    max: 2 ** 31 - 1,
    doc: 'Largest message in either direction, before and after decompression.',
  },
  bufferedBytesMax: {
    type: 'bytes',
    default: 512 * 1024 * 1024,
    min: 1024 * 1024,
    doc: 'Most memory for messages that are arriving or being answered, over all connections; further ones are refused. The last eighth is for messages below 64 KiB.',
  },
  streamsMax: { type: 'integer', default: 1000, min: 1, doc: 'Most calls at a time on one connection.' },
  connectionsMax: {
    type: 'integer',
    default: 10_000,
    min: 1,
    doc: 'Most open connections; further ones are closed at once.',
  },
  requestTimeoutMs: {
    type: 'duration',
    default: 60_000,
    min: 1,
    doc: 'Longest time for the request of a call to arrive. Calls with a stream of requests have no such limit.',
  },
  silenceMs: {
    type: 'duration',
    default: 60_000,
    min: 1,
    doc: 'A client that sends nothing for so long is sent a ping; one that then sends nothing for as long again is cut.',
  },
} as const
