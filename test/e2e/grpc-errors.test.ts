import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadSync } from '@grpc/proto-loader'
import type { MethodDefinition } from '@grpc/proto-loader'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { ModelManager } from '../../src/serving/index.ts'
import { ServedVersion } from '../../src/serving/served-version.ts'
import { addModel, eventually, inferBody, jsModel, obedientModel, startTestApp } from '../../src/testing/index.ts'
import type { TestApp } from '../../src/testing/index.ts'
import { openGrpcClient } from './grpc-client.ts'
import type { GrpcClient } from './grpc-client.ts'

let app: TestApp
let client: GrpcClient
const folder = mkdtempSync(join(tmpdir(), 'slipway-gate-'))
const gate = join(folder, 'open')

/** Loads once the gate is open. */
const gatedModel = `import { existsSync } from 'node:fs'
while (!existsSync(${JSON.stringify(gate)})) await new Promise((done) => setTimeout(done, 5))
${jsModel('return Array.from(x.data)')}`

const infer = (model: string, value = 1): Promise<Response> => app.post(`/v2/models/${model}/infer`, inferBody([value]))

beforeAll(async () => {
  app = await startTestApp({
    models: {
      'bad/1/model.mjs': obedientModel(),
      'bad/config.pbtxt': 'max_batch_size: 4 parameters { key: "team" value { string_value: "risk" } }',
      'broken/1/model.mjs': 'export const nothing = 1\n',
      'good/1/model.mjs': addModel(1),
      'gone/1/model.mjs': addModel(1),
    },
    flags: ['--serving.host.backoff-first-ms', '1ms'],
  })
  client = openGrpcClient(app)
  await app.post('/v2/repository/models/gone/unload')
  for (let crash = 0; crash < 3; crash++) {
    await eventually('the model answers', async () => ((await infer('bad')).status === 200 ? true : undefined))
    await infer('bad', 666)
  }
  await eventually('it is quarantined', async () =>
    (await infer('bad')).headers.get('slipway-error') === 'model_unavailable' ? true : undefined,
  )
})

afterAll(async () => {
  client.close()
  await app.stop()
  rmSync(folder, { recursive: true })
})

afterEach(() => void vi.restoreAllMocks())

describe('a model that is not ready', () => {
  it.each([
    ['bad', /quarantined after 3 crashes/],
    ['broken', /must export a function predict/],
    ['gone', /unloaded/],
  ])('and stays so (%s) has no caller come again, over gRPC as over HTTP', async (model, reason) => {
    const answer = await client.infer(model, 1)
    expect(answer).toMatchObject({ code: 14, metadata: { 'slipway-error': 'model_unavailable' } })
    expect(answer.details).toMatch(reason)
    expect(answer.metadata).not.toHaveProperty('grpc-retry-pushback-ms')
    const response = await infer(model)
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, null])
    expect(((await response.json()) as { error: string }).error).toBe(answer.details)
  })

  it('and soon is has its callers come again, until it is', async () => {
    app.write('slow/1/model.mjs', gatedModel)
    const load = app.post('/v2/repository/models/slow/load')
    const first = await eventually('it is loading', async () => {
      const answer = await client.infer('slow', 1)
      return answer.code === 14 ? answer : undefined
    })
    expect(first.metadata).toMatchObject({ 'slipway-error': 'model_not_ready', 'grpc-retry-pushback-ms': '1000' })
    const response = await infer('slow')
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1'])
    expect(existsSync(gate)).toBe(false)
    writeFileSync(gate, '')
    expect((await load).status).toBe(200)
    expect((await client.infer('slow', 1)).metadata).not.toHaveProperty('grpc-retry-pushback-ms')
  })
})

describe('a fault that nobody foresaw', () => {
  const breakDown = (): never => {
    throw new TypeError('cannot read /etc/secret of undefined')
  }
  const secret = /secret|TypeError|\.ts/
  const loggedAs = (event: string, requestId: string): string =>
    app.log
      .filter((line) => line.event === event && line.level === 'error' && line.fields['requestId'] === requestId)
      .map(({ fields }) => String(fields['error'] instanceof Error ? (fields['error'].cause ?? fields['error']) : ''))
      .join()
  const idIn = (text: string): string => / under request id (\S+)$/.exec(text)?.[1] ?? 'none'

  it.each<[string, Readonly<Record<string, string>>, RegExp]>([
    ['of its own', {}, /^[0-9a-f-]{36}$/],
    ['that the client gave', { 'x-request-id': 'given-by-client' }, /^given-by-client$/],
  ])(
    'in a prediction is answered without details under an id %s, which the log shows with them',
    async (_, headers, id) => {
      vi.spyOn(ServedVersion.prototype, 'infer').mockImplementation(breakDown)
      const response = await app.fetch('/v2/models/good/infer', {
        method: 'POST',
        headers,
        body: JSON.stringify(inferBody([1])),
      })
      const { error } = (await response.json()) as { error: string }
      expect([response.status, response.headers.get('slipway-error')]).toEqual([500, 'internal'])
      const answer = await client.infer('good', 1, {}, headers)
      expect(answer).toMatchObject({ code: 13, metadata: { 'slipway-error': 'internal' } })
      for (const text of [error, answer.details]) {
        expect(text).toMatch(/^internal error; the log has the details under request id \S+$/)
        expect(idIn(text)).toMatch(id)
        expect(loggedAs('prediction.failed', idIn(text))).toContain('cannot read /etc/secret')
      }
      expect(JSON.stringify([...response.headers]) + JSON.stringify(answer.metadata)).not.toMatch(secret)
    },
  )

  it('elsewhere as well', async () => {
    vi.spyOn(ModelManager.prototype, 'get').mockImplementation(breakDown)
    const response = await app.fetch('/v2/models/good')
    const { error } = (await response.json()) as { error: string }
    const answer = await client.call('ModelMetadata', { name: 'good' })
    expect([response.status, answer.code]).toEqual([500, 13])
    for (const text of [error, answer.details]) expect(text).not.toMatch(secret)
    expect(loggedAs('http.unexpected', idIn(error))).toContain('cannot read /etc/secret')
    expect(loggedAs('grpc.unexpected', idIn(answer.details))).toContain('cannot read /etc/secret')
    vi.restoreAllMocks()
    expect((await client.infer('good', 1)).code, 'the server goes on').toBe(0)
  })
})

describe('what is known of a quarantined version', () => {
  const service = loadSync('inference.proto', { includeDirs: ['proto'], keepCase: true, longs: String })[
    'inference.GRPCInferenceService'
  ] as Readonly<Record<string, MethodDefinition<object, object>>>

  /** JSON as gRPC's message would bring it. */
  const asMessage = (method: string, json: object): object | undefined => {
    const codec = service[method]
    return codec?.responseDeserialize(codec.responseSerialize(json))
  }

  it.each(['', '1'])('is told over gRPC as over HTTP (version %j)', async (version) => {
    const path = `/v2/models/bad${version === '' ? '' : `/versions/${version}`}`
    const metadata = (await (await app.fetch(path)).json()) as object
    const config = (await (await app.fetch(`${path}/config`)).json()) as object
    expect(metadata).toMatchObject({ name: 'bad', versions: [], inputs: [{ name: 'x' }], outputs: [{ name: 'y' }] })
    expect(config).toMatchObject({ name: 'bad', max_batch_size: 4, parameters: { team: { string_value: 'risk' } } })
    const of = { name: 'bad', version }
    expect(await client.call('ModelMetadata', of)).toMatchObject({
      code: 0,
      reply: asMessage('ModelMetadata', metadata),
    })
    expect(await client.call('ModelConfig', of)).toMatchObject({ code: 0, reply: asMessage('ModelConfig', { config }) })
    expect(await client.call('ModelReady', of)).toMatchObject({ code: 0, reply: { ready: false } })
    expect((await app.fetch(`${path}/ready`)).status).toBe(503)
  })
})
