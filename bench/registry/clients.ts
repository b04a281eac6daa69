import { Agent, request } from 'node:http'

export interface Call {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly body?: string
}

const send = (base: URL, agent: Agent, { method, path, body }: Call): Promise<{ status: number; text: string }> =>
  new Promise((resolve, reject) => {
    const headers =
      body === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
    const outgoing = request({ hostname: base.hostname, port: base.port, agent, method, path, headers }, (reply) => {
      let text = ''
      reply.setEncoding('utf8')
      reply.on('data', (piece: string) => (text += piece))
      reply.on('end', () => resolve({ status: reply.statusCode ?? 0, text }))
    })
    outgoing.on('error', reject)
    outgoing.end(body)
  })

/** One request, whose reply must be a success; gives its JSON. */
export const ask = async <T>(http: string, call: Call): Promise<T> => {
  const agent = new Agent()
  const { status, text } = await send(new URL(http), agent, call)
  if (status !== 200) throw new Error(`${call.method} ${call.path} answered ${status}: ${text.slice(0, 300)}`)
  return JSON.parse(text) as T
}

export interface Measured {
  readonly perSecond: number
  /** Of all requests, ms. */
  readonly p50: number
  /** Requests that were refused; they count in no other figure. */
  readonly failed: number
}

export interface MeasureOptions {
  readonly clients: number
  readonly ms: number
  /** Requests in all, instead of a time. */
  readonly count?: number
  /** Whether requests may be refused: MLflow's own server does so under load. */
  readonly tolerant?: boolean
}

/** Clients that each send their next request once the last one is answered. Throws for a refusal, unless they are tolerated. */
export const measure = async (
  http: string,
  { clients, ms, count, tolerant = false }: MeasureOptions,
  next: () => Call,
): Promise<Measured> => {
  const base = new URL(http)
  const agent = new Agent({ keepAlive: true, maxSockets: clients })
  const took: number[] = []
  const failures: string[] = []
  const startedAt = performance.now()
  const over = (): boolean =>
    count === undefined ? performance.now() - startedAt >= ms : took.length + failures.length >= count
  const client = async (): Promise<void> => {
    while (!over()) {
      const call = next()
      const sentAt = performance.now()
      const { status, text } = await send(base, agent, call)
      if (status === 200) took.push(performance.now() - sentAt)
      else failures.push(`${call.path} answered ${status}: ${text.slice(0, 300)}`)
    }
  }
  await Promise.all(Array.from({ length: clients }, client))
  const seconds = (performance.now() - startedAt) / 1000
  agent.destroy()
  if (took.length === 0 || (!tolerant && failures.length > 0)) throw new Error(failures[0] ?? 'nothing was answered')
  took.sort((a, b) => a - b)
  return { perSecond: took.length / seconds, p50: took[Math.floor(took.length / 2)] ?? NaN, failed: failures.length }
}
