/** Options of endpoints that follow the registry. */
export const deliveryOptions = {
  endpoints: {
    type: 'list',
    default: [],
    flag: 'endpoint',
    doc: 'Endpoints that are there from the start, `NAME=REFERENCE`, for example `fraud=models:/fraud@champion`. Repeat the flag for several.',
  },
  pollIntervalMs: {
    type: 'duration',
    default: 500,
    min: 10,
    doc: 'How often a server looks for moves that other servers of its database made; its own it follows at once.',
  },
  keepWarm: {
    type: 'integer',
    default: 1,
    min: 0,
    max: 10,
    doc: 'Earlier versions of an endpoint that stay in memory after a move, so that going back takes no load. None stays with `serving.swap` at `resource`.',
  },
  signature: {
    type: 'enum',
    default: 'enforce',
    values: ['enforce', 'warn', 'off'],
    doc: 'What becomes of a move to a version whose inputs or outputs those who call the endpoint could not go on with: with `enforce` it is refused, with `warn` it is logged.',
  },
  checkTimeoutMs: {
    type: 'duration',
    default: 30_000,
    min: 1,
    doc: 'Longest time for a candidate to answer its input example or one of its golden cases.',
  },
} as const
