import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { addModel, eventually, inferBody, jsModel, obedientModel } from '../../src/testing/index.ts'
import { spawnServer } from './spawn-server.ts'
import type { SpawnedServer } from './spawn-server.ts'

const hourMs = 3_600_000
const batchDelayMs = 50
const config = `max_batch_size: 8
dynamic_batching { preferred_batch_size: [8] max_queue_delay_microseconds: ${batchDelayMs * 1000} }`
const slowMs = 800
const headerTimeoutMs = 1500

let root: string
let server: SpawnedServer

const write = (path: string, content: string): void => {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), content)
}

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'slipway-clock-'))
  write('clock', '0')
  write('models/add/1/model.mjs', addModel(1))
  write('models/add/config.pbtxt', config)
  write('models/slow/1/model.mjs', jsModel(`await new Promise((done) => setTimeout(done, ${slowMs})); return [1]`))
  write('models/bad/1/model.mjs', obedientModel())
  write('models/polled/1/model.mjs', addModel(1))
  const clock = fileURLToPath(new URL('./stepped-clock.ts', import.meta.url))
  server = await spawnServer(join(root, 'data'), {
    environment: { NODE_OPTIONS: `--import=${clock}`, STEPPED_CLOCK: join(root, 'clock') },
    flags: [
      '--model-repository',
      join(root, 'models'),
      '--model-control=poll',
      '--serving.poll-interval-ms=100',
      '--serving.host.backoff-first-ms=50ms',
      `--http.header-timeout-ms=${headerTimeoutMs}`,
    ],
  })
})

afterAll(async () => {
  await server.kill()
  rmSync(root, { recursive: true, force: true })
})

const infer = (model: string, value = 1, headers: Readonly<Record<string, string>> = {}): Promise<Response> =>
  fetch(`${server.http}/v2/models/${model}/infer`, {
    method: 'POST',
    body: JSON.stringify(inferBody([value])),
    headers,
  })

const firstValue = async (response: Response): Promise<number | undefined> =>
  ((await response.json()) as { outputs?: { data: number[] }[] }).outputs?.[0]?.data[0]

/** Sets the clock, and waits until an answer of the server shows it. */
const step = async (offsetMs: number): Promise<void> => {
  write('clock', String(offsetMs))
  await eventually('the server has the new time', async () => {
    await infer('add')
    const stats = (await (await fetch(`${server.http}/v2/models/add/stats`)).json()) as {
      model_stats: { last_inference: number }[]
    }
    const seenMs = stats.model_stats[0]?.last_inference ?? 0
    return Math.abs(seenMs - (Date.now() + offsetMs)) < hourMs / 4 ? true : undefined
  })
}

const elapsed = async <T>(work: Promise<T>): Promise<{ readonly result: T; readonly ms: number }> => {
  const startedAt = performance.now()
  const result = await work
  return { result, ms: performance.now() - startedAt }
}

/** What is said to a client that never ends the head of its request. */
const unfinishedHead = (): Promise<string> =>
  new Promise((resolve) => {
    const { hostname, port } = new URL(server.http)
    const socket = connect(Number(port), hostname)
    let said = ''
    socket.on('data', (chunk) => (said += chunk.toString()))
    socket.on('close', () => resolve(said))
    socket.write('GET /v2/health/live HTTP/1.1\r\nX-Slow: ')
  })

const steps: readonly [string, number][] = [
  ['an hour ahead', hourMs],
  ['two hours back', -hourMs],
  ['right again', 0],
]

describe('a clock that is set', () => {
  it('under load fails no request, holds none up, and the server stays live and ready', async () => {
    let isOver = false
    let answered = 0
    const clients = Array.from({ length: 4 }, async () => {
      while (!isOver) {
        const { result, ms } = await elapsed(infer('add'))
        expect(result.status).toBe(200)
        expect(await firstValue(result)).toBe(2)
        expect(ms).toBeLessThan(5000)
        answered++
      }
    })
    const stepping = async (): Promise<void> => {
      for (const [, offsetMs] of [...steps, ...steps]) {
        await step(offsetMs)
        const before = answered
        await eventually('requests are answered as before', () => (answered >= before + 20 ? true : undefined))
        for (const path of ['/livez', '/readyz', '/v2/health/live', '/v2/health/ready', '/v2/models/add/ready'])
          expect((await fetch(server.http + path)).status, path).toBe(200)
      }
    }
    try {
      await Promise.race([stepping(), ...clients])
    } finally {
      isOver = true
    }
    await Promise.all(clients)
  })

  it.each(steps)('%s while requests wait and arrive changes none of their limits', async (_, offsetMs) => {
    const late = elapsed(infer('slow', 1, { 'slipway-timeout-ms': '400' }))
    const patient = elapsed(infer('slow', 1, { 'slipway-timeout-ms': '20000' }))
    const arriving = elapsed(unfinishedHead())
    await step(offsetMs)
    const lateOne = await late
    expect(lateOne.result.status).toBe(504)
    expect(lateOne.ms).toBeGreaterThan(350)
    expect(lateOne.ms).toBeLessThan(slowMs + 2000)
    expect((await patient).result.status).toBe(200)
    const alone = await elapsed(infer('add'))
    expect(alone.result.status).toBe(200)
    expect(alone.ms).toBeGreaterThan(batchDelayMs - 5)
    expect(alone.ms).toBeLessThan(batchDelayMs + 2000)
    const head = await arriving
    expect(head.result).toMatch(/^HTTP\/1\.1 408/)
    expect(head.ms).toBeGreaterThan(headerTimeoutMs - 100)
    expect(head.ms).toBeLessThan(headerTimeoutMs + 6000)
  })

  it('an hour ahead forgets no crash, and back puts off neither the restart nor what is polled', async () => {
    const answers = (): Promise<unknown> =>
      eventually('the host is back', async () => ((await infer('bad')).status === 200 ? true : undefined))
    await answers()
    for (const offsetMs of [hourMs, -hourMs]) {
      await infer('bad', 666)
      await step(offsetMs)
      await answers()
    }
    await infer('bad', 666)
    const quarantined = await infer('bad')
    expect(quarantined.status).toBe(503)
    expect(await quarantined.text()).toMatch(/quarantined after 3 crashes within 60 s/)
    write('models/polled/2/model.mjs', addModel(10))
    await eventually('the new version is found', async () =>
      (await firstValue(await infer('polled'))) === 11 ? true : undefined,
    )
    await step(0)
  })
})
