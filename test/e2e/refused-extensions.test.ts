import { credentials, makeGenericClientConstructor } from '@grpc/grpc-js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { addModel, startTestApp } from '../../src/testing/index.ts'
import type { TestApp } from '../../src/testing/index.ts'

let app: TestApp

beforeAll(async () => {
  app = await startTestApp({ models: { 'add/1/model.mjs': addModel(1) } })
})
afterAll(() => app.stop())

const errorOf = async (response: Response): Promise<string> => ((await response.json()) as { error: string }).error

/** Calls a method with an empty message, in whatever form the answer is. */
const call = (method: string): Promise<{ code: number; details: string }> => {
  const raw = (bytes: Buffer): Buffer => bytes
  const path = `/inference.GRPCInferenceService/${method}`
  const Client = makeGenericClientConstructor(
    {
      call: {
        path,
        requestStream: false,
        responseStream: false,
        requestSerialize: raw,
        requestDeserialize: raw,
        responseSerialize: raw,
        responseDeserialize: raw,
      },
    },
    'inference.GRPCInferenceService',
  )
  const client = new Client(app.addresses.grpc, credentials.createInsecure())
  return new Promise((resolve) => {
    client.makeUnaryRequest(path, raw, raw, Buffer.alloc(0), (error) => {
      client.close()
      resolve({ code: error?.code ?? 0, details: error?.details ?? '' })
    })
  })
}

it.each(['system', 'cuda'])('%s shared memory is listed as none, and its regions are refused', async (kind) => {
  const list = await app.fetch(`/v2/${kind}sharedmemory/status`)
  expect([list.status, await list.json()]).toEqual([200, []])
  for (const response of [
    await app.fetch(`/v2/${kind}sharedmemory/region/r/status`),
    await app.post(`/v2/${kind}sharedmemory/region/r/register`, { key: '/r', offset: 0, byte_size: 64 }),
  ]) {
    expect(response.status).toBe(501)
    expect(await errorOf(response)).toMatch('shared memory')
  }
})

describe('settings of a running server', () => {
  it.each([
    ['/v2/logging', /log\.level/],
    ['/v2/trace/setting', /tracing\.otlpEndpoint/],
    ['/v2/models/add/trace/setting', /tracing\.otlpEndpoint/],
  ])('%s is refused with the option of the start', async (path, reason) => {
    for (const response of [await app.fetch(path), await app.post(path, { log_file: '/etc/passwd' })]) {
      expect(response.status).toBe(501)
      expect(await errorOf(response)).toMatch(reason)
    }
  })

  it.each([
    ['LogSettings', /log\.level/],
    ['TraceSetting', /tracing\.otlpEndpoint/],
    ['SystemSharedMemoryRegister', /shared memory/],
  ])('%s is refused over gRPC too', async (method, reason) => {
    const { code, details } = await call(method)
    expect(code).toBe(12)
    expect(details).toMatch(reason)
  })
})

describe('a configuration that asks for what is not there', () => {
  it.each([
    ['sequences', { sequence_batching: {} }, /sequence_batching.*no state is kept/],
    ['an ensemble', { ensemble_scheduling: { step: [] } }, /ensemble_scheduling.*no ensembles/],
    ['decoupled answers', { model_transaction_policy: { decoupled: true } }, /decoupled.*answers a request once/],
    [
      'ragged batches',
      { input: [{ name: 'x', data_type: 'TYPE_FP32', dims: ['1'], allow_ragged_batch: true }] },
      /allow_ragged_batch.*pad them/,
    ],
  ])('%s is refused with the reason, and what serves goes on', async (_, config, reason) => {
    const response = await app.post('/v2/repository/models/add/load', {
      parameters: { config: JSON.stringify({ name: 'add', ...config }) },
    })
    expect(response.status).toBe(400)
    expect(response.headers.get('slipway-error')).toBe('config_invalid')
    expect(await errorOf(response)).toMatch(reason)
    expect((await app.fetch('/v2/models/add/ready')).status).toBe(200)
  })

  it('a cache of answers loads, without one', async () => {
    const config = JSON.stringify({ name: 'add', backend: 'js', response_cache: { enable: true } })
    const response = await app.post('/v2/repository/models/add/load', { parameters: { config } })
    expect(response.status).toBe(200)
  })
})
