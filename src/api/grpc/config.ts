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
    doc: 'Largest message in either direction.',
  },
  streamsMax: { type: 'integer', default: 1000, min: 1, doc: 'Most calls at a time on one connection.' },
} as const
