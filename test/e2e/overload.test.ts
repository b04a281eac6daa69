import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { addModel, eventually, inferBody, jsModel, startTestApp } from '../../src/testing/index.ts'
import type { TestApp } from '../../src/testing/index.ts'

const slow = (ms: number): string =>
  jsModel(`await new Promise((done) => setTimeout(done, ${ms})); return Array.from(x.data)`)

const infer = (
  app: TestApp,
  model: string,
  headers: Readonly<Record<string, string>> = {},
  extra: Readonly<Record<string, unknown>> = {},
): Promise<Response> =>
  app.fetch(`/v2/models/${model}/infer`, { method: 'POST', body: JSON.stringify(inferBody([1], extra)), headers })

describe('more work than a model can do', () => {
  it('is refused with 429 and Retry-After beyond the bound of the queue, while another model answers at once', async () => {
    await using app = await startTestApp({
      models: {
        'slow/1/model.mjs': slow(300),
        'slow/config.pbtxt': 'max_batch_size: 1',
        'quick/1/model.mjs': addModel(1),
      },
      flags: ['--serving.queue.depth-max', '4'],
    })
    let served = 0
    const flood = Array.from({ length: 20 }, async () => {
      const answer = await infer(app, 'slow')
      if (answer.status === 200) served += 1
      return answer
    })
    expect((await infer(app, 'quick')).status).toBe(200)
    // Of the five that the slow one takes on.
    expect(served).toBeLessThanOrEqual(1)
    const answers = await Promise.all(flood)
    const refused = answers.filter((answer) => answer.status === 429)
    expect(refused.length).toBeGreaterThanOrEqual(14)
    expect(answers.filter((answer) => answer.status === 200).length).toBe(20 - refused.length)
    expect(refused[0]?.headers.get('retry-after')).toBe('1')
    expect(refused[0]?.headers.get('slipway-error')).toBe('queue_full')
  })

  it('is answered 504 when its time is up, and never started after', async () => {
    await using app = await startTestApp({
      models: {
        'slow/1/model.mjs': jsModel(
          'globalThis.runs = (globalThis.runs ?? 0) + 1; await new Promise((done) => setTimeout(done, 200)); return Array.from(x.data, () => globalThis.runs)',
        ),
        'slow/config.pbtxt': 'max_batch_size: 1',
      },
    })
    const before = (await (await infer(app, 'slow')).json()) as { outputs: { data: number[] }[] }
    const first = infer(app, 'slow')
    const late = await infer(app, 'slow', { 'slipway-timeout-ms': '50' })
    expect(late.status).toBe(504)
    expect(late.headers.get('slipway-error')).toBe('deadline_exceeded')
    await first
    const after = (await (await infer(app, 'slow')).json()) as { outputs: { data: number[] }[] }
    expect((after.outputs[0]?.data[0] ?? 0) - (before.outputs[0]?.data[0] ?? 0)).toBe(2)
  })

  it('that runs longer than its caller waits is answered 504 in time', async () => {
    await using app = await startTestApp({ models: { 'slow/1/model.mjs': slow(800) } })
    const startedAt = performance.now()
    expect((await infer(app, 'slow', { 'slipway-timeout-ms': '100' })).status).toBe(504)
    expect(performance.now() - startedAt).toBeLessThan(600)
  })

  it('follows the queue policy of the model: its timeout, and priorities', async () => {
    const config = `max_batch_size: 1
dynamic_batching { priority_levels: 2 default_priority_level: 2 default_queue_policy { default_timeout_microseconds: 150000 allow_timeout_override: true max_queue_size: 3 } }`
    const ordered = jsModel(
      'globalThis.runs = (globalThis.runs ?? 0) + 1; const n = globalThis.runs; await new Promise((done) => setTimeout(done, 60)); return Array.from(x.data, () => n)',
    )
    await using app = await startTestApp({ models: { 'm/1/model.mjs': ordered, 'm/config.pbtxt': config } })
    const order = async (extra: Readonly<Record<string, unknown>>): Promise<number> =>
      ((await (await infer(app, 'm', {}, extra)).json()) as { outputs: { data: number[] }[] }).outputs[0]?.data[0] ?? 0
    const running = order({})
    await eventually('the first one runs', async () =>
      /slipway_in_flight\{[^}]*\} 1/.test(await (await app.fetch('/metrics')).text()) ? true : undefined,
    )
    const low = order({})
    const high = order({ parameters: { priority: 1 } })
    await running
    expect(await high).toBeLessThan(await low)
    const holding = order({})
    const impatient = await infer(app, 'm', {}, { parameters: { timeout: 10_000 } })
    expect(impatient.status).toBe(503)
    expect(await impatient.text()).toMatch(/Request timeout expired/)
    await holding
  })

  it('waits as long as its model lets it, which a request shortens only with leave', async () => {
    await using app = await startTestApp({ models: { 'm/1/model.mjs': addModel(1) } })
    expect((await infer(app, 'm', {}, { parameters: { timeout: 1 } })).status).toBe(200)
    const config = (await (await app.fetch('/v2/models/m/config')).json()) as object
    expect(JSON.stringify(config)).not.toContain('"allow_timeout_override":true')
  })

  it('of clients that left is not done', async () => {
    await using app = await startTestApp({
      models: {
        'm/1/model.mjs': jsModel(
          'globalThis.runs = (globalThis.runs ?? 0) + 1; await new Promise((done) => setTimeout(done, 600)); return Array.from(x.data, () => globalThis.runs)',
        ),
        'm/config.pbtxt': 'max_batch_size: 1',
      },
    })
    const runs = async (): Promise<number> =>
      ((await (await infer(app, 'm')).json()) as { outputs: { data: number[] }[] }).outputs[0]?.data[0] ?? 0
    const before = await runs()
    const first = infer(app, 'm')
    await eventually('it runs', async () =>
      /slipway_in_flight\{[^}]*\} 1/.test(await (await app.fetch('/metrics')).text()) ? true : undefined,
    )
    const leaving = Array.from({ length: 10 }, () => {
      const url = new URL('/v2/models/m/infer', app.addresses.http)
      const outgoing = request(url, { method: 'POST' })
      outgoing.on('error', () => {})
      outgoing.end(JSON.stringify(inferBody([1])))
      return outgoing
    })
    await eventually('all wait', async () =>
      /slipway_in_flight\{[^}]*\} 11/.test(await (await app.fetch('/metrics')).text()) ? true : undefined,
    )
    for (const outgoing of leaving) outgoing.destroy()
    await first
    expect((await runs()) - before).toBe(2)
    expect(await (await app.fetch('/metrics')).text()).toContain('outcome="cancelled"} 10')
  })

  it('says why it waited when asked', async () => {
    await using app = await startTestApp({ models: { 'm/1/model.mjs': slow(50) } })
    const asked = { parameters: { slipway_explain: true } }
    const answers = await Promise.all(
      Array.from(
        { length: 5 },
        async () =>
          (await (await infer(app, 'm', {}, asked)).json()) as { parameters: Record<string, number | string> },
      ),
    )
    const waited = answers
      .map((answer) => answer.parameters)
      .sort((a, b) => Number(a['slipway_queue_ms']) - Number(b['slipway_queue_ms']))
    expect(waited.at(-1)).toMatchObject({ slipway_batch_reason: 'idle' })
    expect(Number(waited.at(-1)?.['slipway_queue_ms'])).toBeGreaterThan(30)
    expect(Number(waited.at(-1)?.['slipway_batch_requests'])).toBeGreaterThan(1)
  })
})

describe('stopping', () => {
  it('answers every request inside, closes its doors and ends with 0', async () => {
    const root = mkdtempSync(join(tmpdir(), 'slipway-stop-'))
    mkdirSync(join(root, 'models/m/1'), { recursive: true })
    writeFileSync(join(root, 'models/m/1/model.mjs'), slow(400))
    const ready = join(root, 'ready.json')
    const flags = [
      '--port',
      '0',
      '--grpc-port',
      '0',
      '--mlflow-port',
      'off',
      '--data-dir',
      join(root, 'data'),
      '--model-repository',
      join(root, 'models'),
      '--ready-file',
      ready,
    ]
    const server = spawn(process.execPath, ['bin/slipway.mjs', 'up', ...flags], { stdio: ['ignore', 'pipe', 'ignore'] })
    const exited = new Promise<number | null>((resolve) => server.on('exit', resolve))
    const { http } = await eventually('the server is ready', () =>
      existsSync(ready) ? (JSON.parse(readFileSync(ready, 'utf8')) as { http: string }) : undefined,
    )
    const inside = Array.from({ length: 5 }, () =>
      fetch(`${http}/v2/models/m/infer`, { method: 'POST', body: JSON.stringify(inferBody([1])) }),
    )
    await eventually('they are inside', async () =>
      /slipway_in_flight\{[^}]*\} 5/.test(await (await fetch(`${http}/metrics`)).text()) ? true : undefined,
    )
    server.kill('SIGTERM')
    expect((await Promise.all(inside)).map((response) => response.status)).toEqual([200, 200, 200, 200, 200])
    expect(await exited).toBe(0)
    await expect(fetch(`${http}/livez`)).rejects.toThrow()
    rmSync(root, { recursive: true, force: true })
  })
})
