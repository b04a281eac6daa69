export const logOptions = {
  level: {
    type: 'enum',
    default: 'info',
    values: ['debug', 'info', 'warn', 'error', 'silent'],
    doc: 'Least severe events that are logged, as JSON lines on standard error.',
  },
  predictionRatio: {
    type: 'number',
    default: 0,
    min: 0,
    max: 1,
    doc: 'Share of answered predictions that get a line in the log each; 0 for none, 1 for all.',
  },
} as const

export const tracingOptions = {
  otlpEndpoint: {
    type: 'string',
    default: '',
    doc: 'Base URL of an OpenTelemetry collector, e.g. http://127.0.0.1:4318; empty for no traces.',
  },
  otlpHeaders: { type: 'list', default: [], secret: true, doc: 'Headers for the collector, each NAME=VALUE.' },
  sampleRatio: {
    type: 'number',
    default: 1,
    min: 0,
    max: 1,
    doc: 'Share of traces that start here and are kept; a sampled caller is always followed.',
  },
} as const
