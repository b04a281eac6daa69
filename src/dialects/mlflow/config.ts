/** Options of MLflow's API. */
export const mlflowOptions = {
  port: {
    type: 'string',
    default: '5000',
    flag: 'mlflow-port',
    doc: "A second port of HTTP, where MLflow's clients look by default. When another program has it the server starts without; off opens none, 0 a free one.",
  },
} as const
