import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildOnnx, identityModel, mlpModel, startTestApp } from '../../src/testing/index.ts'
import type { OnnxModel, TestApp } from '../../src/testing/index.ts'
import { inferenceClient, unary } from './grpc-client.ts'
import type { UnaryClient } from './grpc-client.ts'

type Reply = Readonly<Record<string, unknown>>

const tensor = (what: string, name: string, fields: string): string =>
  `${what} { name: "${name}" data_type: TYPE_FP32 ${fields} }\n`

/** The mean of each channel of one image, which the model wants as a batch of one. */
const channelMeans: OnnxModel = {
  inputs: [{ name: 'image', datatype: 'FP32', shape: [1, 3, 2, 2] }],
  outputs: [{ name: 'means', datatype: 'FP32', shape: [1, 3] }],
  nodes: [{ op: 'ReduceMean', inputs: ['image'], outputs: ['means'], attributes: { axes: [2, 3], keepdims: 0 } }],
}

/** A number a row: neither side has a second dimension. */
const scalarRows = (): OnnxModel => identityModel('FP32', [-1])

const optionalBias = `export const signature = {
  inputs: [
    { name: 'x', datatype: 'FP32', shape: [-1, 1] },
    { name: 'bias', datatype: 'FP32', shape: [-1, 1], optional: true },
  ],
  outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 1] }],
}
export const batched = true
export const predict = ({ x, bias }) => ({ y: Array.from(x.data, (value, i) => value + (bias?.data[i] ?? 100)) })
`

const models = {
  'scalars/1/model.onnx': buildOnnx(scalarRows()),
  'scalars/config.pbtxt': `max_batch_size: 8
    ${tensor('input', 'x', 'dims: [ 1 ] reshape { shape: [ ] }')}
    ${tensor('output', 'y', 'dims: [ 1, 1 ] reshape { shape: [ ] }')}
    dynamic_batching { max_queue_delay_microseconds: 300000 }
    instance_group { count: 1 gpus: [ 1 ] rate_limiter { priority: 3 } }
    metric_tags { key: "team" value: "red" }
    model_metrics { metric_control { histogram_options { buckets: [ 0.5 ] } } }
    model_warmup { name: "w" batch_size: 2 inputs { key: "x" value { data_type: TYPE_FP32 dims: [ 1 ] random_data: true } } }`,
  'image/1/model.onnx': buildOnnx(channelMeans),
  'image/config.pbtxt': `max_batch_size: 0
    ${tensor('input', 'image', 'dims: [ 3, 2, 2 ] reshape { shape: [ 1, 3, 2, 2 ] }')}
    ${tensor('output', 'means', 'dims: [ 3 ] reshape { shape: [ 1, 3 ] }')}`,
  'open/1/model.onnx': buildOnnx(identityModel('FP32', [-1, 4, -1])),
  'open/config.pbtxt': `max_batch_size: 0
    ${tensor('input', 'x', 'dims: [ -1, 2, 2, -1 ] reshape { shape: [ -1, 4, -1 ] }')}
    ${tensor('output', 'y', 'dims: [ -1, 1, 4, -1 ] reshape { shape: [ -1, 4, -1 ] }')}`,
  'surprising/1/model.onnx': buildOnnx(identityModel('FP32', [-1, -1])),
  'surprising/config.pbtxt': `max_batch_size: 0
    ${tensor('input', 'x', 'dims: [ -1, -1 ]')}
    ${tensor('output', 'y', 'dims: [ 3 ] reshape { shape: [ 1, 3 ] }')}`,
  'mismatched/1/model.onnx': buildOnnx(scalarRows()),
  'mismatched/config.pbtxt': `max_batch_size: 8 ${tensor('input', 'x', 'dims: [ 1 ] reshape { shape: [ 1, 1 ] }')}`,
  'optional/1/model.mjs': optionalBias,
  'optional/config.pbtxt': `max_batch_size: 8 ${tensor('input', 'x', 'dims: [ 1 ]')} ${tensor('input', 'bias', 'dims: [ 1 ] optional: true')}`,
  'needed/1/model.onnx': buildOnnx(scalarRows()),
  'needed/config.pbtxt': `max_batch_size: 8 ${tensor('input', 'x', 'dims: [ ] optional: true')}`,
}

let app: TestApp
let client: UnaryClient

beforeAll(async () => {
  app = await startTestApp({ models })
  client = inferenceClient(app, { enums: String })
}, 120_000)

afterAll(async () => {
  client.close()
  await app.stop()
})

const call = (method: string, request: unknown): Promise<Reply> => unary(client, method, request)

interface RestAnswer {
  readonly status: number
  readonly outputs?: readonly { readonly shape: readonly number[]; readonly data: readonly number[] }[]
  readonly error?: string
}

const overRest = async (
  model: string,
  inputs: Readonly<Record<string, { readonly shape: readonly number[]; readonly data: readonly number[] }>>,
): Promise<RestAnswer> => {
  const body = { inputs: Object.entries(inputs).map(([name, input]) => ({ name, datatype: 'FP32', ...input })) }
  const response = await app.post(`/v2/models/${model}/infer`, body)
  return { status: response.status, ...((await response.json()) as object) }
}

const overGrpc = async (
  model: string,
  input: string,
  { shape, data }: { readonly shape: readonly number[]; readonly data: readonly number[] },
): Promise<{ readonly shape: readonly number[]; readonly data: readonly number[] }> => {
  const reply = await call('ModelInfer', {
    model_name: model,
    inputs: [{ name: input, datatype: 'FP32', shape }],
    raw_input_contents: [Buffer.from(Float32Array.from(data).buffer)],
  })
  const { outputs, raw_output_contents: raw } = reply as unknown as {
    outputs: { shape: string[] }[]
    raw_output_contents: Buffer[]
  }
  const bytes = Uint8Array.from(raw[0] ?? [])
  return { shape: (outputs[0]?.shape ?? []).map(Number), data: [...new Float32Array(bytes.buffer)] }
}

const json = async (path: string): Promise<Reply> => (await (await app.fetch(path)).json()) as Reply

const counting = (count: number): number[] => Array.from({ length: count }, (_, index) => index)

/** Model and input, the shape and data that go in, the shape and data that come out. */
const cases = [
  ['scalars', 'x', { shape: [3, 1], data: [1, 2, 3] }, { shape: [3, 1, 1], data: [1, 2, 3] }],
  ['image', 'image', { shape: [3, 2, 2], data: counting(12) }, { shape: [3], data: [1.5, 5.5, 9.5] }],
  ['open', 'x', { shape: [2, 2, 2, 3], data: counting(24) }, { shape: [2, 1, 4, 3], data: counting(24) }],
  ['surprising', 'x', { shape: [1, 3], data: [1, 2, 3] }, { shape: [3], data: [1, 2, 3] }],
] as const

describe('a model whose tensors have another shape than those of requests', () => {
  it.each(cases)(
    'answers %s over REST and gRPC in the shape of its configuration',
    async (model, name, input, answer) => {
      const { outputs } = await overRest(model, { [name]: input })
      expect(outputs).toMatchObject([answer])
      expect(await overGrpc(model, name, input)).toEqual(answer)
    },
  )

  it('joins the rows of requests and divides them again', async () => {
    const answers = await Promise.all(
      counting(6).map((value) => overRest('scalars', { x: { shape: [1, 1], data: [value] } })),
    )
    expect(answers.map(({ outputs }) => outputs?.[0])).toMatchObject(
      counting(6).map((value) => ({ shape: [1, 1, 1], data: [value] })),
    )
    const response = await app.fetch('/v2/models/scalars/stats')
    const { model_stats: stats } = (await response.json()) as {
      model_stats: { batch_stats: { batch_size: number }[] }[]
    }
    expect(Math.max(...(stats[0]?.batch_stats ?? []).map((row) => row.batch_size))).toBeGreaterThan(3)
  })

  it("refuses requests in the model's own shape", async () => {
    const { status, error } = await overRest('scalars', { x: { shape: [2], data: [1, 2] } })
    expect(status).toBe(400)
    expect(error).toContain('expected shape [-1,1], got [2]')
  })

  it('says when an output is not what its reshape is written for', async () => {
    const { status, error } = await overRest('surprising', { x: { shape: [2, 2], data: [1, 2, 3, 4] } })
    expect(status).toBe(500)
    expect(error).toContain("output 'y' has the shape [2,2]; its reshape is written for [1,3]")
  })

  it('does not load when the reshape is not a shape of the model', async () => {
    const { status, error } = await overRest('mismatched', { x: { shape: [1, 1], data: [1] } })
    expect(status).toBeGreaterThanOrEqual(400)
    expect(error).toContain("input 'x': the configuration means the shape [-1,1,1], the model has [-1]")
  })

  it('shows dims in the metadata, and the reshape in the configuration', async () => {
    expect(await json('/v2/models/scalars')).toMatchObject({
      inputs: [{ shape: [-1, 1] }],
      outputs: [{ shape: [-1, 1, 1] }],
    })
    expect(await json('/v2/models/scalars/config')).toMatchObject({
      input: [{ dims: ['1'], reshape: { shape: [] } }],
      output: [{ dims: ['1', '1'], reshape: { shape: [] } }],
    })
    expect(await call('ModelConfig', { name: 'image' })).toMatchObject({
      config: {
        input: [{ dims: ['3', '2', '2'], reshape: { shape: ['1', '3', '2', '2'] } }],
        output: [{ dims: ['3'], reshape: { shape: ['1', '3'] } }],
      },
    })
  })
})

describe('a model configuration', () => {
  it('shows also the fields without an effect, over REST and gRPC', async () => {
    const fields = {
      instance_group: [{ count: 1, gpus: [1], rate_limiter: { priority: 3 } }],
      metric_tags: { team: 'red' },
      model_metrics: { metric_control: [{ histogram_options: { buckets: [0.5] } }] },
    }
    expect(await json('/v2/models/scalars/config')).toMatchObject(fields)
    expect(await call('ModelConfig', { name: 'scalars' })).toMatchObject({ config: fields })
    const warnings = app.log.filter((line) => line.event === 'model.config').map((line) => line.fields['warning'])
    expect(warnings).toContainEqual(expect.stringContaining("'metric_tags' has no effect here: "))
  })

  it('from the config endpoint loads the model as it is', async () => {
    const config = await json('/v2/models/scalars/config')
    const response = await app.post('/v2/repository/models/scalars/load', {
      parameters: { config: JSON.stringify(config) },
    })
    expect(response.status).toBe(200)
    expect(await json('/v2/models/scalars/config')).toEqual(config)
  })

  it('does not lift a limit of the server', async () => {
    await using strict = await startTestApp({ flags: ['--serving.onnx.file-bytes-max', '1KiB'] })
    strict.write('large/1/model.onnx', buildOnnx(mlpModel()))
    const parameters = {
      onnx_file_bytes_max: { string_value: '1000000000' },
      onnx_allowed_domains: { string_value: 'com.example' },
    }
    const config = JSON.stringify({ parameters })
    const large = await strict.post('/v2/repository/models/large/load', { parameters: { config } })
    expect(large.status).toBe(400)
    expect(await large.text()).toContain('the limit is 1024')
    const foreign: OnnxModel = {
      inputs: [{ name: 'x', datatype: 'FP32', shape: [1] }],
      outputs: [{ name: 'y', datatype: 'FP32', shape: [1] }],
      nodes: [{ op: 'Gadget', domain: 'com.example', inputs: ['x'], outputs: ['y'] }],
    }
    strict.write('foreign/1/model.onnx', buildOnnx(foreign))
    const refused = await strict.post('/v2/repository/models/foreign/load', { parameters: { config } })
    expect(await refused.text()).toContain("which serving.onnx.allowedDomains doesn't list")
  })

  it('lets requests leave out an optional input', async () => {
    const x = { shape: [2, 1], data: [1, 2] }
    expect(await overRest('optional', { x })).toMatchObject({ outputs: [{ data: [101, 102] }] })
    const bias = { shape: [2, 1], data: [10, 20] }
    expect(await overRest('optional', { x, bias })).toMatchObject({ outputs: [{ data: [11, 22] }] })
  })

  it('that makes an input optional which the engine needs does not load', async () => {
    const { status, error } = await overRest('needed', { x: { shape: [1], data: [1] } })
    expect(status).toBeGreaterThanOrEqual(400)
    expect(error).toContain("input 'x' is optional in the configuration; the model needs it in every run")
  })
})
