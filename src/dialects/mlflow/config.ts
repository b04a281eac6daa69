/** Options of MLflow's API. */
export const mlflowOptions = {
  port: {
    type: 'string',
    default: '5000',
    flag: 'mlflow-port',
    doc: "A second port of HTTP, where MLflow's clients look by default. When another program has it the server starts without; off opens none, 0 a free one.",
  },
  publicUrl: {
    type: 'string',
    default: '',
    doc: 'URL by which clients reach this server, to be told where to send the parts of large files: https://ml.example.org/tracking. When empty, the host and scheme of their own requests (Host, X-Forwarded-Proto).',
  },
} as const
