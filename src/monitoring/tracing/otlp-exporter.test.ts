import { describe, expect, it } from 'vitest'
import { silentLogger } from '../../lib/logger.ts'
import { seededRandom } from '../../testing/seeded-random.ts'
import { VirtualClock } from '../../testing/virtual-clock.ts'
import type { FinishedSpan } from './finished-span.ts'
import type { OtlpLimits, Post, PostRequest } from './otlp-exporter.ts'
import { OtlpExporter } from './otlp-exporter.ts'

const span = (name: string): FinishedSpan => ({
  name,
  kind: 'server',
  context: { traceId: '1'.repeat(32), spanId: '2'.repeat(16), sampled: true, tracestate: '' },
  parentSpanId: undefined,
  startMs: 1,
  endMs: 2,
  attributes: {},
  error: undefined,
})

const namesOf = ({ body }: PostRequest): string[] => {
  const { resourceSpans } = JSON.parse(body) as {
    resourceSpans: { scopeSpans: { spans: { name: string }[] }[] }[]
  }
  return resourceSpans.flatMap((one) => one.scopeSpans.flatMap(({ spans }) => spans.map(({ name }) => name)))
}

const taken = { status: 200, retryAfter: undefined }

const open = (answer: Post, limits: Partial<OtlpLimits> = {}) => {
  const clock = new VirtualClock()
  const posts: { readonly atMs: number; readonly request: PostRequest; readonly names: string[] }[] = []
  const exporter = new OtlpExporter(
    {
      endpoint: 'http://collector:4318/',
      headers: { 'x-team': 'fraud' },
      resource: { 'service.name': 'slipway' },
      scope: { name: 'slipway', version: '1' },
      limits: { intervalMs: 1000, batchMax: 3, spansMax: 6, timeoutMs: 2000, ...limits },
    },
    {
      clock,
      random: seededRandom(1),
      logger: silentLogger,
      post(request) {
        posts.push({ atMs: clock.now(), request, names: namesOf(request) })
        return answer(request)
      },
    },
  )
  return { clock, exporter, posts, add: (...names: string[]) => names.forEach((name) => exporter.add(span(name))) }
}

/** Answers with each in turn, then with 200. */
const answers = (...list: { readonly status: number; readonly retryAfter?: string }[]): Post => {
  const left = [...list]
  return () => {
    const next = left.shift()
    return Promise.resolve(next === undefined ? taken : { retryAfter: undefined, ...next })
  }
}

describe('the OTLP exporter', () => {
  it('posts what waits after the interval, to /v1/traces with its headers', async () => {
    const { clock, posts, add } = open(answers())
    add('a', 'b')
    await clock.advance(999)
    expect(posts).toEqual([])
    await clock.advance(1)
    expect(posts.map(({ names }) => names)).toEqual([['a', 'b']])
    expect(posts[0]?.request).toMatchObject({
      url: 'http://collector:4318/v1/traces',
      headers: { 'x-team': 'fraud', 'content-type': 'application/json' },
    })
    await clock.runUntilIdle()
    expect(posts).toHaveLength(1)
  })

  it('posts a full batch at once, yet never while a span is added', async () => {
    const { clock, posts, add } = open(answers())
    add('a', 'b', 'c', 'd')
    expect(posts).toEqual([])
    await clock.advance(0)
    expect(posts.map(({ names }) => names)).toEqual([['a', 'b', 'c']])
    await clock.advance(1000)
    expect(posts.map(({ names }) => names)).toEqual([['a', 'b', 'c'], ['d']])
  })

  it('drops and counts what it has no room for, while the collector hangs', async () => {
    const { clock, posts, exporter, add } = open(() => new Promise(() => {}))
    add('a', 'b', 'c')
    await clock.advance(0)
    add('d', 'e', 'f', 'g', 'h', 'i', 'j', 'k')
    expect(exporter.droppedSpans).toBe(2)
    expect(posts).toHaveLength(1)
  })

  it.each([429, 502, 503, 504])('tries again after %d, waiting ever longer', async (status) => {
    const { clock, posts, exporter, add } = open(answers({ status }, { status }))
    add('a')
    await clock.runUntilIdle()
    expect(posts.map(({ names }) => names)).toEqual([['a'], ['a'], ['a']])
    const gaps = posts.slice(1).map(({ atMs }, index) => atMs - (posts[index]?.atMs ?? 0))
    expect(gaps[0]).toBeLessThanOrEqual(1000)
    expect(gaps[1]).toBeLessThanOrEqual(2000)
    expect(exporter.droppedSpans).toBe(0)
  })

  it('waits as long as the collector asks, within its limit', async () => {
    const { clock, posts, add } = open(
      answers({ status: 503, retryAfter: '7' }, { status: 429, retryAfter: '86400' }),
      { delayMsMax: 20_000 },
    )
    add('a')
    await clock.runUntilIdle()
    expect(posts.map(({ atMs }) => atMs)).toEqual([1000, 8000, 28_000])
  })

  it.each([400, 401, 404, 500, 302])('drops the batch on %d without another try', async (status) => {
    const { clock, posts, exporter, add } = open(answers({ status }))
    add('a')
    await clock.runUntilIdle()
    expect(posts).toHaveLength(1)
    expect(exporter.droppedSpans).toBe(1)
  })

  it('gives up after its tries and goes on with the next spans', async () => {
    let down = true
    const post: Post = () => (down ? Promise.reject(new Error('refused')) : Promise.resolve(taken))
    const { clock, posts, exporter, add } = open(post, { triesMax: 3 })
    add('a')
    await clock.runUntilIdle()
    expect(posts).toHaveLength(3)
    expect(exporter.droppedSpans).toBe(1)
    down = false
    add('b')
    await clock.runUntilIdle()
    expect(posts.at(-1)?.names).toEqual(['b'])
    expect(exporter.droppedSpans).toBe(1)
  })

  it('takes a post that throws for one that failed', async () => {
    const { clock, exporter, add } = open(
      () => {
        throw new TypeError('bad URL')
      },
      { triesMax: 1 },
    )
    add('a')
    await clock.runUntilIdle()
    expect(exporter.droppedSpans).toBe(1)
  })

  it('aborts a post that takes too long and tries again', async () => {
    const post: Post = () => (posts.length === 1 ? new Promise(() => {}) : Promise.resolve(taken))
    const { clock, posts, exporter, add } = open(post)
    add('a')
    await clock.runUntilIdle()
    expect(posts).toHaveLength(2)
    expect(posts[0]?.request.signal.aborted).toBe(true)
    expect(posts[1]?.request.signal.aborted).toBe(false)
    expect((posts[1]?.atMs ?? 0) - (posts[0]?.atMs ?? 0)).toBeGreaterThanOrEqual(2000)
    expect(exporter.droppedSpans).toBe(0)
  })

  it('sends everything that waits when it closes, and nothing after', async () => {
    const { posts, exporter, add } = open(answers())
    add('a', 'b', 'c', 'd')
    await exporter.close()
    expect(posts.map(({ names }) => names)).toEqual([['a', 'b', 'c'], ['d']])
    add('e')
    await exporter.close()
    expect(posts).toHaveLength(2)
    expect(exporter.droppedSpans).toBe(1)
  })

  it.each([
    ['hangs', () => new Promise<never>(() => {})],
    ['is down', () => Promise.reject(new Error('refused'))],
    ['asks for patience', () => Promise.resolve({ status: 503, retryAfter: '3600' })],
  ])('closes in time though the collector %s', async (_, post) => {
    const { clock, exporter, add } = open(post, { closeMs: 500 })
    add('a', 'b', 'c', 'd')
    await clock.advance(0)
    let closed = false
    void exporter.close().then(() => {
      closed = true
    })
    await clock.advance(500)
    expect(closed).toBe(true)
    expect(exporter.droppedSpans).toBe(4)
  })
})
