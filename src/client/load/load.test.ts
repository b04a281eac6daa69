import { createServer } from 'node:http'
import type { RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { systemClock } from '../../lib/index.ts'
import { runClosedLoop } from './closed-loop.ts'
import { failed, loadResultFromData, loadResultToData, succeeded } from './load-result.ts'
import { runOpenLoop } from './open-loop.ts'

const serve = async (
  listener: RequestListener,
): Promise<AsyncDisposable & { readonly url: URL; readonly connections: () => number }> => {
  const server = createServer(listener)
  let connections = 0
  server.on('connection', () => connections++)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: new URL(`http://127.0.0.1:${port}/`),
    connections: () => connections,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

const clock = systemClock
const random = { next: () => 0.5 }

describe('a closed loop', () => {
  it('keeps one connection a client and one request on each', async () => {
    let underWay = 0
    let mostUnderWay = 0
    await using server = await serve((_request, reply) => {
      mostUnderWay = Math.max(mostUnderWay, ++underWay)
      setImmediate(() => {
        underWay--
        reply.end('ok')
      })
    })
    const result = await runClosedLoop({ url: server.url, clients: 3, durationMs: 0, countMin: 200, clock })
    expect(result.count).toBeGreaterThanOrEqual(200)
    expect(succeeded(result)).toBe(result.count)
    expect(server.connections()).toBe(3)
    expect(mostUnderWay).toBeLessThanOrEqual(3)
  })

  it('sends the body and the headers of its target', async () => {
    const seen = new Set<string>()
    await using server = await serve(async (request, reply) => {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk as Buffer)
      seen.add(`${request.method} ${request.headers['x-test']} ${Buffer.concat(chunks).toString()}`)
      reply.end()
    })
    const target = { url: server.url, body: Buffer.from('hello'), headers: { 'x-test': 'yes' } }
    await runClosedLoop({ ...target, clients: 1, durationMs: 0, countMin: 5, clock })
    expect([...seen]).toEqual(['POST yes hello'])
  })

  it('counts refusals by status and leaves them out of the latencies', async () => {
    let turn = 0
    await using server = await serve((_request, reply) => {
      reply.statusCode = turn++ % 2 === 0 ? 200 : 429
      reply.end()
    })
    const result = await runClosedLoop({ url: server.url, clients: 1, durationMs: 0, countMin: 10, clock })
    expect(result.byStatus).toEqual({ '200': 5, '429': 5 })
    expect([succeeded(result), failed(result)]).toEqual([5, 5])
  })

  it('counts network errors by their code', async () => {
    await using server = await serve((request) => request.socket.destroy())
    const result = await runClosedLoop({ url: server.url, clients: 1, durationMs: 0, countMin: 3, clock })
    expect(result.byStatus).toEqual({ ECONNRESET: 3 })
  })

  it('ends when it is told to', async () => {
    const stop = new AbortController()
    let served = 0
    await using server = await serve((_request, reply) => {
      if (++served === 20) stop.abort()
      reply.end()
    })
    const result = await runClosedLoop({ url: server.url, clients: 2, durationMs: 60_000, signal: stop.signal, clock })
    expect(result.count).toBeGreaterThanOrEqual(20)
    expect(result.count).toBeLessThanOrEqual(21)
  })
})

describe('an open loop', () => {
  it('sends as many requests as the rate and the duration say', async () => {
    await using server = await serve((_request, reply) => reply.end())
    const loop = { url: server.url, rate: 1000, durationMs: 100, clock, random }
    const result = await runOpenLoop({ ...loop, arrivals: 'constant' })
    expect(result.count).toBeGreaterThanOrEqual(100)
    expect(result.count).toBeLessThanOrEqual(101)
  })

  it('spreads Poisson arrivals by the exponential distribution', async () => {
    await using server = await serve((_request, reply) => reply.end())
    // With every draw at the median, each gap is ln 2 of the mean one.
    const result = await runOpenLoop({
      url: server.url,
      rate: 1000,
      arrivals: 'poisson',
      durationMs: 100,
      clock,
      random,
    })
    expect(result.count).toBe(Math.ceil(100 / Math.LN2))
  })

  it('counts latency from the moment a request was due, not from when a stalled server took it', async () => {
    let stalled = false
    await using server = await serve((_request, reply) => {
      if (!stalled) {
        stalled = true
        const until = clock.now() + 100
        while (clock.now() < until);
      }
      reply.end()
    })
    const loop = { url: server.url, rate: 200, arrivals: 'constant', durationMs: 100, clock, random } as const
    const result = await runOpenLoop(loop)
    // The stall blocks this very thread, so a clock started at the actual send would see one slow request only.
    expect(result.histogram.percentile(50)).toBeGreaterThan(20)
  })

  it('counts what it could not send when too many requests are under way', async () => {
    const waiting: (() => void)[] = []
    await using server = await serve((_request, reply) => {
      waiting.push(() => reply.end())
      if (waiting.length === 2) clock.setTimer(() => waiting.forEach((end) => end()), 100)
    })
    const loop = { url: server.url, rate: 500, arrivals: 'constant', durationMs: 20, inFlightMax: 2 } as const
    const result = await runOpenLoop({ ...loop, clock, random })
    expect(result.count).toBe(2)
    expect(result.unsent).toBeGreaterThanOrEqual(8)
    expect(failed(result)).toBe(result.unsent)
  })

  it('survives the trip between processes', async () => {
    await using server = await serve((_request, reply) => reply.end())
    const result = await runOpenLoop({
      url: server.url,
      rate: 500,
      arrivals: 'constant',
      durationMs: 20,
      clock,
      random,
    })
    const copy = loadResultFromData(JSON.parse(JSON.stringify(loadResultToData(result))))
    expect(copy.byStatus).toEqual(result.byStatus)
    expect(copy.histogram.percentile(99)).toBe(result.histogram.percentile(99))
  })
})
