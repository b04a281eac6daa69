import { request } from 'node:http'
import type { Worker } from 'node:worker_threads'
import { deflateSync, gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SlipwayClient } from '../../src/client/index.ts'
import { eventually, liveBytes, startTestApp, type TestApp } from '../../src/testing/index.ts'

const api = '/api/2.0/mlflow'
const artifacts = '/api/2.0/mlflow-artifacts'
const mebibyte = 1024 * 1024
const gibibyte = 1024 * mebibyte

let app: TestApp
let client: SlipwayClient
let registryThread: Worker | undefined

/** The registry's thread is told from the others by the bound of its memory. */
const watchThreads = (worker: Worker): void => {
  if (worker.resourceLimits?.maxYoungGenerationSizeMb === 16) registryThread = worker
}

beforeAll(async () => {
  process.on('worker', watchThreads)
  app = await startTestApp({ flags: ['--http.body-bytes-max', '4MiB'] })
  client = new SlipwayClient({ url: app.addresses.http })
})
afterAll(async () => {
  process.off('worker', watchThreads)
  // Whatever was thrown at it, the server is as it was.
  expect((await client.experiments.get({ experimentId: '0' })).name).toBe('Default')
  await app.stop()
})

interface Refused {
  readonly status: number
  readonly code: string | null
  readonly body: Record<string, unknown>
}

const send = async (
  method: string,
  path: string,
  { body, headers = {} }: { readonly body?: Uint8Array | string; readonly headers?: Readonly<Record<string, string>> },
): Promise<Refused> => {
  const reply = await app.fetch(path, {
    method,
    headers: { 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: Buffer.from(body) }),
  })
  return {
    status: reply.status,
    code: reply.headers.get('slipway-error'),
    body: (await reply.json()) as Record<string, unknown>,
  }
}

/** MLflow's words for a refusal, and nothing of another shape. */
const inMlflowShape = ({ body }: Refused): string => {
  expect(Object.keys(body).sort()).toEqual(['error_code', 'message'])
  expect(body['message']).toBeTypeOf('string')
  return String(body['error_code'])
}

/** A kind of endpoint each, that reads a body whole: [what, method, path, content type]. */
const endpoints: readonly (readonly [string, string, string, string])[] = [
  ['a tracking endpoint', 'POST', `${api}/runs/log-batch`, 'application/json'],
  ['a registry endpoint', 'PATCH', `${api}/registered-models/update`, 'application/json'],
  ['a deletion with a body', 'DELETE', `${api}/model-versions/delete`, 'application/json'],
  ['the prefix of the pages', 'POST', '/ajax-api/2.0/mlflow/runs/search', 'application/json'],
  ['a trace', 'POST', '/api/3.0/mlflow/traces', 'application/json'],
  ['an upload in parts', 'POST', `${artifacts}/mpu/create/0/m`, 'application/json'],
  ["Slipway's own API", 'POST', '/api/slipway/v1/runs/search', 'application/json'],
  ['spans as protobuf', 'POST', '/v1/traces', 'application/x-protobuf'],
  ['spans as JSON', 'POST', '/v1/traces', 'application/json'],
]

describe('a compressed body that grows without end', () => {
  const bombs = [
    ['gzip', gzipSync(Buffer.alloc(gibibyte / 2))],
    ['deflate', deflateSync(Buffer.alloc(gibibyte / 2))],
    // One inside another is only data: it is opened once.
    ['gzip', gzipSync(gzipSync(Buffer.alloc(gibibyte / 2)))],
  ] as const

  it.each(endpoints)('is refused by %s before it takes memory', async (_, method, path, contentType) => {
    const before = liveBytes()
    let most = before
    const watch = setInterval(() => (most = Math.max(most, liveBytes())), 20)
    try {
      for (const [encoding, bomb] of bombs) {
        const headers = { 'content-type': contentType, 'content-encoding': encoding }
        const replies = await Promise.all(
          Array.from({ length: 4 }, async () => {
            const reply = await app.fetch(path, {
              method,
              headers: { ...headers, 'x-mlflow-experiment-id': '0' },
              body: bomb,
            })
            await reply.arrayBuffer()
            return reply.status
          }),
        )
        const isNested = bomb === bombs[2][1]
        for (const status of replies) expect(status).toBe(isNested ? 400 : 413)
      }
    } finally {
      clearInterval(watch)
    }
    expect(most - before).toBeLessThan(256 * mebibyte)
  })

  it('is not even opened where a file is uploaded', async () => {
    const body = bombs[0][1]
    for (const path of [`${artifacts}/artifacts/0/x/bomb`, `${artifacts}/mpu/parts/${'0'.repeat(32)}/1`]) {
      const refused = await send('PUT', path, { body, headers: { 'content-encoding': 'gzip' } })
      expect(inMlflowShape(refused)).toMatch(/INVALID_PARAMETER_VALUE|RESOURCE_DOES_NOT_EXIST/)
    }
    // As a file of its own it is bytes like any others.
    const kept = await app.fetch(`${artifacts}/artifacts/0/x/bomb.gz`, { method: 'PUT', body })
    expect(kept.status).toBe(200)
    const read = await app.fetch(`${artifacts}/artifacts/0/x/bomb.gz`)
    expect([read.headers.get('content-encoding'), Number(read.headers.get('content-length'))]).toEqual([
      null,
      body.length,
    ])
    await read.arrayBuffer()
  })
})

const laughs = 'abcdefghi'
  .split('')
  .map(
    (name, index, names) =>
      `${name}: &${name} [${Array(9)
        .fill(index === 0 ? 'ha' : `*${names[index - 1]}`)
        .join(', ')}]`,
  )
  .join('\n')

const bombs: readonly (readonly [string, string])[] = [
  ['references that multiply', laughs],
  ['a list a million deep', '['.repeat(1_000_000)],
  ['a map a million deep', '{a: '.repeat(250_000)],
  ['a million keys', Array.from({ length: 250_000 }, (_, index) => `k${index}: 1`).join('\n')],
  ['a million quotes', '"'.repeat(1_000_000)],
]

const columns = JSON.stringify([{ type: 'double', name: 'amount', required: true }])
const signed = `flavors: {}\nsignature: {inputs: '${columns}'}\n`

describe('YAML that is made to be expensive', () => {
  it.each(bombs)('is refused as a policy when it is %s', async (_, policy) => {
    await client.registeredModels.create({ name: 'bombed' }).catch(() => {})
    const startedMs = performance.now()
    await expect(client.promotion.setPolicy({ name: 'bombed', policy })).rejects.toMatchObject({ status: 400 })
    expect(performance.now() - startedMs).toBeLessThan(5000)
  })

  it.each([...bombs, ['five megabytes', `a: '${'x'.repeat(5_000_000)}'`] as const])(
    'keeps an alias from moving when it is an MLmodel of %s',
    async (what, mlmodel) => {
      const name = `model of ${what}`
      await client.registeredModels.create({ name })
      for (const content of [signed, mlmodel]) {
        const { runId } = await client.runs.create({})
        await client.uploadArtifact(runId, 'model/MLmodel', content)
        await client.modelVersions.create({ name, source: `runs:/${runId}/model` })
      }
      await client.registeredModels.setAlias({ name, alias: 'champion', version: '1' })
      const policy = JSON.stringify({ aliases: { champion: [{ signature: { compatibleWith: '@champion' } }] } })
      await client.promotion.setPolicy({ name, policy })
      const startedMs = performance.now()
      const check = client.promotion.check({ name, version: '2', alias: 'champion' })
      // Predictions don't wait for it.
      expect((await app.fetch('/v2/health/live')).status).toBe(200)
      const { allowed, results } = await check
      expect([allowed, results[0]?.reason]).toEqual([false, expect.stringContaining('read')])
      await expect(client.registeredModels.setAlias({ name, alias: 'champion', version: '2' })).rejects.toMatchObject({
        code: 'promotion_refused',
      })
      expect(performance.now() - startedMs).toBeLessThan(5000)
    },
  )
})

describe('an error that comes up before the registry', () => {
  const gzip = { 'content-encoding': 'gzip' }

  it('is in the shape of MLflow below its paths', async () => {
    const path = `${api}/runs/search`
    const large = await send('POST', path, { body: Buffer.alloc(5 * mebibyte) })
    expect([large.status, inMlflowShape(large), large.code]).toEqual([413, 'BAD_REQUEST', 'payload_too_large'])
    const damaged = await send('POST', path, { headers: gzip, body: 'no gzip' })
    expect([damaged.status, inMlflowShape(damaged)]).toEqual([400, 'INVALID_PARAMETER_VALUE'])
    const cut = await send('POST', path, { headers: gzip, body: gzipSync('{"a": 1}').subarray(0, 15) })
    expect([cut.status, inMlflowShape(cut)]).toEqual([400, 'INVALID_PARAMETER_VALUE'])
    const unknown = await send('POST', path, { body: 'x', headers: { 'content-encoding': 'br' } })
    expect([unknown.status, inMlflowShape(unknown)]).toEqual([400, 'INVALID_PARAMETER_VALUE'])
    for (const prefix of [`${api}`, '/api/3.0/mlflow', '/ajax-api/2.0/mlflow', artifacts]) {
      const absent = await send('POST', `${prefix}/nothing/here`, { body: '{}' })
      expect([absent.status, inMlflowShape(absent)]).toEqual([404, 'ENDPOINT_NOT_FOUND'])
    }
    const wrong = await app.fetch(`${api}/runs/log-batch`)
    expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'POST'])
    expect(await wrong.json()).toMatchObject({ error_code: 'BAD_REQUEST' })
    const encoded = await send('GET', `${artifacts}/artifacts/%ff%zz`, {})
    expect([encoded.status, inMlflowShape(encoded)]).toEqual([400, 'INVALID_PARAMETER_VALUE'])
  })

  it('is so for a Host that is refused', async () => {
    const { port } = new URL(app.addresses.http)
    const text = await new Promise<string>((resolve, reject) => {
      const sent = request({ port, path: `${api}/runs/get`, headers: { host: 'evil.test' } }, (reply) => {
        let whole = `${reply.statusCode} `
        reply.on('data', (piece: Buffer) => (whole += piece.toString()))
        reply.on('end', () => resolve(whole))
      })
      sent.on('error', reject)
      sent.end()
    })
    expect(text).toMatch(/^403 \{"error_code":"PERMISSION_DENIED","message":/)
  })

  it('is a Status of OpenTelemetry for spans, in the encoding that they came in', async () => {
    const body = Buffer.alloc(5 * mebibyte)
    const json = await send('POST', '/v1/traces', { body })
    expect([json.status, Object.keys(json.body).sort()]).toEqual([413, ['code', 'message']])
    const headers = { 'content-type': 'application/x-protobuf' }
    const proto = await app.fetch('/v1/traces', { method: 'POST', headers, body })
    expect([proto.status, proto.headers.get('content-type')]).toEqual([413, 'application/x-protobuf'])
    expect(await proto.text()).toContain('the request body exceeds the limit')
  })

  it('keeps the shape of its own elsewhere', async () => {
    const own = await send('POST', '/api/slipway/v1/runs/search', { headers: gzip, body: 'no gzip' })
    expect([own.status, Object.keys(own.body)]).toEqual([400, ['error']])
    const absent = await send('GET', '/api/2.0/mlflows', {})
    expect([absent.status, Object.keys(absent.body)]).toEqual([404, ['error']])
  })

  it('is 503 in the shape of MLflow while the registry is restarted, and nothing once it is back', async () => {
    const { runId } = await client.runs.create({ name: 'before' })
    const ended = eventually('the end is told', () => app.log.find(({ event }) => event === 'registry.ended'))
    await registryThread?.terminate()
    const away = await send('GET', `${api}/runs/get?run_id=${runId}`, {})
    expect([away.status, inMlflowShape(away), away.code]).toEqual([
      503,
      'TEMPORARILY_UNAVAILABLE',
      'database_unavailable',
    ])
    const file = await send('GET', `${artifacts}/artifacts/0/x`, {})
    expect([file.status, inMlflowShape(file)]).toEqual([503, 'TEMPORARILY_UNAVAILABLE'])
    await ended
    const back = await eventually('it is back', async () => {
      const reply = await app.fetch(`${api}/runs/get?run_id=${runId}`)
      return reply.status === 200 ? ((await reply.json()) as object) : undefined
    })
    expect(back).toMatchObject({ run: { info: { run_name: 'before' } } })
  })
})
