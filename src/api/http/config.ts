/** Options of the HTTP door. */
export const httpOptions = {
  host: {
    type: 'string',
    default: '127.0.0.1',
    flag: 'host',
    doc: 'Address to listen on. Other than loopback needs http.allowUnauthenticated, since anyone who reaches the port may then use it.',
  },
  port: {
    type: 'integer',
    default: 8080,
    min: 0,
    max: 65535,
    flag: 'port',
    doc: 'Port of every HTTP protocol; 0 picks a free one.',
  },
  allowUnauthenticated: {
    type: 'boolean',
    default: false,
    doc: 'Listen on an address that other machines reach although callers are not authenticated. For a server behind a gateway that authenticates.',
  },
  allowedHosts: {
    type: 'list',
    default: [],
    doc: 'Names besides loopback ones that requests may carry in their Host header.',
  },
  bodyBytesMax: {
    type: 'bytes',
    default: 64 * 1024 * 1024,
    min: 1024,
    doc: 'Largest request body, before and after decompression.',
  },
  uploadBytesMax: { type: 'bytes', default: 8 * 1024 ** 3, min: 1024, doc: 'Largest model file that may be deployed.' },
  chunksMax: { type: 'integer', default: 65536, min: 1, doc: 'Most pieces in which a body may arrive.' },
  inflateRatioMax: {
    type: 'number',
    default: 100,
    min: 1,
    doc: 'Largest growth of a compressed body; the first mebibyte is free.',
  },
  headerBytesMax: { type: 'bytes', default: 16 * 1024, min: 1024, doc: 'Largest request head.' },
  headerTimeoutMs: {
    type: 'duration',
    default: 10_000,
    min: 1,
    doc: 'Longest time for the head of a request to arrive.',
  },
  requestTimeoutMs: { type: 'duration', default: 60_000, min: 1, doc: 'Longest time for a whole request to arrive.' },
  keepAliveTimeoutMs: {
    type: 'duration',
    default: 75_000,
    min: 1,
    doc: 'How long an idle connection stays open; above the 60 s of common load balancers.',
  },
  connectionsMax: {
    type: 'integer',
    default: 10_000,
    min: 1,
    doc: 'Most open connections; further ones are closed at once.',
  },
  reusePort: {
    type: 'boolean',
    default: false,
    doc: 'Share the port with other processes (SO_REUSEPORT), for restarts without a gap.',
  },
  jsonThreadBytes: {
    type: 'bytes',
    default: 256 * 1024,
    min: 0,
    doc: 'JSON above this size is read and written on a thread of its own.',
  },
  jsonDepthMax: { type: 'integer', default: 100, min: 8, max: 1000, doc: 'Deepest nesting of JSON.' },
} as const
