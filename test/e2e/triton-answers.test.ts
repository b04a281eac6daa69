import type { ClientDuplexStream } from '@grpc/grpc-js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { addModel, buildOnnx, identityModel, jsModel, startTestApp } from '../../src/testing/index.ts'
import type { TestApp } from '../../src/testing/index.ts'
import { inferenceClient, unary } from './grpc-client.ts'
import type { UnaryClient } from './grpc-client.ts'

type Reply = Readonly<Record<string, unknown>>

const models = {
  'add/1/model.mjs': addModel(1),
  'scores/1/model.onnx': buildOnnx(identityModel('FP32', [-1, 3])),
  'scores/config.pbtxt': `max_batch_size: 8
    output { name: "y" data_type: TYPE_FP32 dims: [ 3 ] label_filename: "classes.txt" }`,
  'scores/classes.txt': 'cat\ndog\n',
  'whole/1/model.onnx': buildOnnx(identityModel('FP32', [-1, 3])),
  'whole/config.pbtxt': 'max_batch_size: 0',
  'rows/1/model.onnx': buildOnnx(identityModel('FP32', [-1])),
  'rows/config.pbtxt': 'max_batch_size: 8',
  'two/1/model.mjs': `export const signature = {
  inputs: ['a', 'b'].map((name) => ({ name, datatype: 'FP32', shape: [-1, 1] })),
  outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 1] }],
}
export const batched = true
export const predict = ({ a, b }) => ({ y: Array.from(a.data, (value, i) => value - b.data[i]) })
`,
  'two/config.pbtxt': 'max_batch_size: 4 dynamic_batching { max_queue_delay_microseconds: 5000000 }',
  'picky/1/model.mjs': jsModel('if (x.data.includes(13)) throw new Error("unlucky"); return Array.from(x.data)'),
  'picky/config.pbtxt': 'max_batch_size: 8 dynamic_batching { max_queue_delay_microseconds: 100000 }',
}

let app: TestApp
let client: UnaryClient

beforeAll(async () => {
  app = await startTestApp({ models })
  client = inferenceClient(app)
}, 120_000)

afterAll(async () => {
  client.close()
  await app.stop()
})

const call = (method: string, request: unknown): Promise<Reply> => unary(client, method, request)

const json = async (path: string): Promise<Reply> => (await (await app.fetch(path)).json()) as Reply

const inputOf = (shape: readonly number[]): object => ({ name: 'x', datatype: 'FP32', shape })
const rawOf = (values: readonly number[]): Buffer => Buffer.from(Float32Array.from(values).buffer)

describe('readiness of a model over gRPC', () => {
  it('of one that there is not is no error: clients ask before they load', async () => {
    const ready = (request: object): Promise<Reply> => call('ModelReady', request)
    expect(await ready({ name: 'add' })).toEqual({ ready: true })
    expect(await ready({ name: 'nope' })).toEqual({ ready: false })
    expect(await ready({ name: 'add', version: '9' })).toEqual({ ready: false })
    expect((await app.fetch('/v2/models/nope/ready')).status).toBe(404)
  })
})

describe('an answer on a stream', () => {
  it('says that it is the last one of its request', async () => {
    type Answer = { readonly error_message: string; readonly infer_response: Reply }
    const stream = (client['ModelStreamInfer'] as unknown as () => ClientDuplexStream<unknown, Answer>).call(client)
    const answers: Answer[] = []
    const ended = new Promise<void>((resolve, reject) => {
      stream.on('data', (answer: Answer) => answers.push(answer))
      stream.on('end', resolve)
      stream.on('error', reject)
    })
    const request = { model_name: 'add', inputs: [inputOf([1, 1])], raw_input_contents: [rawOf([1])] }
    stream.write({ ...request, id: 'plain' })
    stream.write({ ...request, id: 'asked', parameters: { triton_enable_empty_final_response: { bool_param: true } } })
    stream.end()
    await ended
    const last = { triton_final_response: { bool_param: true } }
    expect(answers.map(({ infer_response: answer }) => [answer['id'], answer['parameters']])).toEqual([
      ['plain', last],
      ['asked', last],
    ])
    const unary = await call('ModelInfer', request)
    expect(unary).not.toHaveProperty('parameters')
  })
})

describe('why a request waited', () => {
  const told = {
    slipway_queue_ms: expect.any(Number) as unknown,
    slipway_transfer_ms: expect.any(Number) as unknown,
    slipway_compute_ms: expect.any(Number) as unknown,
    slipway_batch_rows: 2,
    slipway_batch_requests: 1,
    slipway_batch_reason: 'idle',
  }

  it('is told to who asks by a header, or over gRPC', async () => {
    const headers = { 'slipway-explain': 'true' }
    const body = JSON.stringify({ inputs: [{ ...inputOf([2, 1]), data: [1, 2] }] })
    const response = await app.fetch('/v2/models/add/infer', { method: 'POST', headers, body })
    expect(await response.json()).toMatchObject({ parameters: told })
    const reply = await call('ModelInfer', {
      model_name: 'add',
      inputs: [inputOf([2, 1])],
      raw_input_contents: [rawOf([1, 2])],
      parameters: { slipway_explain: { bool_param: true } },
    })
    const parameters = Object.entries(reply['parameters'] as Record<string, Record<string, unknown>>).map(
      ([name, choice]) => {
        const value = Object.values(choice)[0]
        return [name, typeof value === 'string' && value !== 'idle' ? Number(value) : value]
      },
    )
    expect(Object.fromEntries(parameters)).toEqual(told)
  })
})

describe('requests that name their inputs in different orders', () => {
  it('share a batch', async () => {
    const tensor = (name: string, value: number): object => ({ name, datatype: 'FP32', shape: [1, 1], data: [value] })
    const ask = async (value: number): Promise<unknown> => {
      const inputs = [tensor('a', value), tensor('b', 10)]
      const body = { inputs: value % 2 === 0 ? inputs : inputs.toReversed(), parameters: { slipway_explain: true } }
      return (await app.post('/v2/models/two/infer', body)).json()
    }
    expect(await Promise.all([1, 2, 3, 4].map(ask))).toMatchObject(
      [-9, -8, -7, -6].map((value) => ({
        outputs: [{ data: [value] }],
        parameters: { slipway_batch_requests: 4, slipway_batch_reason: 'full' },
      })),
    )
  })
})

describe('classification', () => {
  const cases = [
    {
      model: 'scores',
      shape: [2, 3],
      data: [0.1, 0.7, 0.2, 3, 2, 1],
      classes: [2, 2],
      texts: ['0.700000:1:dog', '0.200000:2', '3.000000:0:cat', '2.000000:1:dog'],
    },
    { model: 'whole', shape: [2, 3], data: [1, 2, 3, 4, 5, 6], classes: [2], texts: ['6.000000:5', '5.000000:4'] },
    { model: 'rows', shape: [3], data: [1, 2, 3], classes: [3, 1], texts: ['1.000000:0', '2.000000:0', '3.000000:0'] },
  ]

  it.each(cases)(
    'of $model is by rows where the first dimension is a batch, over REST and gRPC',
    async ({ model, shape, data, classes, texts }) => {
      const outputs = [{ name: 'y', parameters: { classification: 2 } }]
      const body = { inputs: [{ ...inputOf(shape), data }], outputs }
      expect(await (await app.post(`/v2/models/${model}/infer`, body)).json()).toMatchObject({
        outputs: [{ datatype: 'BYTES', shape: classes, data: texts }],
      })
      const reply = await call('ModelInfer', {
        model_name: model,
        inputs: [inputOf(shape)],
        raw_input_contents: [rawOf(data)],
        outputs: [{ name: 'y', parameters: { classification: { int64_param: 2 } } }],
      })
      expect(reply['outputs']).toMatchObject([{ datatype: 'BYTES', shape: classes.map(String) }])
      const [raw] = reply['raw_output_contents'] as Buffer[]
      for (const text of texts) expect(raw?.toString('latin1')).toContain(text)
    },
  )
})

describe('statistics', () => {
  it('count runs that went well, and of a joined run that failed only what was run again', async () => {
    const infer = async (value: number): Promise<number> =>
      (await app.post('/v2/models/picky/infer', { inputs: [{ ...inputOf([1, 1]), data: [value] }] })).status
    expect(await Promise.all([1, 13, 2].map(infer))).toEqual([200, 500, 200])
    expect(await infer(13)).toBe(500)
    const { model_stats: rows } = (await json('/v2/models/picky/stats')) as { model_stats: Reply[] }
    expect(rows).toMatchObject([
      {
        inference_count: 2,
        execution_count: 2,
        inference_stats: { success: { count: 2 }, fail: { count: 2 } },
        batch_stats: [{ batch_size: 1, compute_infer: { count: 2 } }],
      },
    ])
    expect(await (await app.fetch('/metrics')).text()).toMatch(
      /nv_inference_exec_count\{model="picky",version="1"\} 2\n/,
    )
  })
})

describe('the configuration of a model that has none', () => {
  it('names the engine and the file as Triton completes them', async () => {
    expect(await json('/v2/models/rows/config')).toMatchObject({
      platform: 'onnxruntime_onnx',
      backend: 'onnxruntime',
      default_model_filename: 'model.onnx',
    })
    expect(await json('/v2/models/add/config')).toMatchObject({
      platform: '',
      backend: 'js',
      default_model_filename: 'model.mjs',
    })
  })
})
