import type { ClientDuplexStream, ServiceError } from '@grpc/grpc-js'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildOnnx, eventually, identityModel, simpleModel, startTestApp } from '../../src/testing/index.ts'
import type { TestApp } from '../../src/testing/index.ts'
import { datatypeBytes, datatypes, encodeBytes } from '../../src/tensor/index.ts'
import type { DataType } from '../../src/tensor/index.ts'
import { inferenceClient, unary } from './grpc-client.ts'
import type { UnaryClient } from './grpc-client.ts'

interface Reply {
  readonly id: string
  readonly outputs: { readonly name: string; readonly datatype: string; readonly shape: string[] }[]
  readonly raw_output_contents: Buffer[]
}

let app: TestApp
let client: UnaryClient

/** BF16 has no place in the JavaScript edge of ONNX Runtime, BYTES lose what isn't text: these two go through the echo engine. */
const onnxTypes: readonly DataType[] = datatypes.filter((datatype) => datatype !== 'BF16' && datatype !== 'BYTES')

beforeAll(async () => {
  const models: Record<string, string | Uint8Array> = { 'simple/1/model.onnx': buildOnnx(simpleModel()) }
  for (const datatype of datatypes) {
    models[`echo_${datatype}/1/model.echo.json`] = JSON.stringify({
      inputs: [{ name: 'x', datatype, shape: [-1, -1] }],
    })
    if (onnxTypes.includes(datatype)) models[`onnx_${datatype}/1/model.onnx`] = buildOnnx(identityModel(datatype))
  }
  app = await startTestApp({ models })
  client = inferenceClient(app)
}, 120_000)

afterAll(async () => {
  client.close()
  await app.stop()
})

const call = (method: string, request: unknown, options: { deadline?: number } = {}): Promise<Reply> =>
  unary(client, method, request, options)

const overGrpc = async (
  model: string,
  datatype: DataType,
  shape: readonly number[],
  data: Uint8Array,
): Promise<Uint8Array> => {
  const reply = await call('ModelInfer', {
    model_name: model,
    id: 'g',
    inputs: [{ name: 'x', datatype, shape }],
    raw_input_contents: [data],
  })
  expect(reply.id).toBe('g')
  return new Uint8Array(reply.raw_output_contents[0] ?? [])
}

const overBinaryRest = async (
  model: string,
  datatype: DataType,
  shape: readonly number[],
  data: Uint8Array,
): Promise<Uint8Array> => {
  const json = JSON.stringify({
    inputs: [{ name: 'x', datatype, shape, parameters: { binary_data_size: data.length } }],
    parameters: { binary_data_output: true },
  })
  const response = await app.fetch(`/v2/models/${model}/infer`, {
    method: 'POST',
    body: Buffer.concat([Buffer.from(json), data]),
    headers: { 'inference-header-content-length': String(json.length) },
  })
  expect(response.status, await response.clone().text()).toBe(200)
  const length = response.headers.get('inference-header-content-length')
  const bytes = new Uint8Array(await response.arrayBuffer())
  return length === null ? new Uint8Array() : bytes.slice(Number(length))
}

/** Sends the data in binary, takes JSON, and sends that JSON back, to take binary: the whole way through JSON's eye. */
const throughJson = async (
  model: string,
  datatype: DataType,
  shape: readonly number[],
  data: Uint8Array,
): Promise<Uint8Array> => {
  const head = JSON.stringify({
    inputs: [{ name: 'x', datatype, shape, parameters: { binary_data_size: data.length } }],
  })
  const first = await app.fetch(`/v2/models/${model}/infer`, {
    method: 'POST',
    body: Buffer.concat([Buffer.from(head), data]),
    headers: { 'inference-header-content-length': String(head.length) },
  })
  const text = await first.text()
  expect(first.status, text).toBe(200)
  const values = /"data":(\[.*\])\}\]\}$/s.exec(text)?.[1] ?? ''
  const body = `{"inputs":[{"name":"x","datatype":"${datatype}","shape":[${shape.join(',')}],"data":${values}}],"parameters":{"binary_data_output":true}}`
  const second = await app.fetch(`/v2/models/${model}/infer`, { method: 'POST', body })
  const bytes = new Uint8Array(await second.arrayBuffer())
  expect(second.status, new TextDecoder().decode(bytes)).toBe(200)
  return bytes.slice(Number(second.headers.get('inference-header-content-length') ?? bytes.length))
}

/** Arbitrary data of a type: rows and columns, and bytes for them. Of the floats JSON knows one NaN, so those come apart. */
const dataOf = (datatype: DataType): fc.Arbitrary<{ shape: number[]; data: Uint8Array }> =>
  fc.tuple(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 1, max: 4 })).chain(([rows, columns]) => {
    const count = rows * columns
    const shape = [rows, columns]
    if (datatype === 'BYTES') {
      return fc
        .array(fc.uint8Array({ maxLength: 12 }), { minLength: count, maxLength: count })
        .map((elements) => ({ shape, data: encodeBytes(elements) }))
    }
    const bytes = count * datatypeBytes[datatype]
    return fc
      .uint8Array({ minLength: bytes, maxLength: bytes })
      .map((data) => ({ shape, data: datatype === 'BOOL' ? data.map((byte) => byte & 1) : new Uint8Array(data) }))
  })

/** Every NaN of a float type made the one that JSON's word means. */
const oneNaN = (datatype: DataType, data: Uint8Array): Uint8Array => {
  const copy = data.slice()
  const view = new DataView(copy.buffer)
  for (let at = 0; at < copy.length; at += datatypeBytes[datatype] || copy.length) {
    if (datatype === 'FP32' && Number.isNaN(view.getFloat32(at, true))) view.setUint32(at, 0x7fc00000, true)
    if (datatype === 'FP64' && Number.isNaN(view.getFloat64(at, true))) view.setBigUint64(at, 0x7ff8000000000000n, true)
    if (datatype === 'FP16' && (view.getUint16(at, true) & 0x7fff) > 0x7c00) view.setUint16(at, 0x7e00, true)
    if (datatype === 'BF16' && (view.getUint16(at, true) & 0x7fff) > 0x7f80) view.setUint16(at, 0x7fc0, true)
  }
  return copy
}

const runs = { numRuns: 15 }

describe('the same bits by every way', () => {
  it.each(datatypes)('%s: REST in binary, gRPC, and the echo engine', async (datatype) => {
    await fc.assert(
      fc.asyncProperty(dataOf(datatype), async ({ shape, data }) => {
        expect(await overGrpc(`echo_${datatype}`, datatype, shape, data)).toEqual(data)
        expect(await overBinaryRest(`echo_${datatype}`, datatype, shape, data)).toEqual(data)
      }),
      runs,
    )
  })

  it.each(onnxTypes)('%s: through ONNX Runtime', async (datatype) => {
    await fc.assert(
      fc.asyncProperty(dataOf(datatype), async ({ shape, data }) => {
        expect(await overGrpc(`onnx_${datatype}`, datatype, shape, data)).toEqual(data)
        expect(await overBinaryRest(`onnx_${datatype}`, datatype, shape, data)).toEqual(data)
      }),
      runs,
    )
  })

  it.each(datatypes.filter((datatype) => datatype !== 'BYTES'))('%s: through JSON and back', async (datatype) => {
    await fc.assert(
      fc.asyncProperty(dataOf(datatype), async ({ shape, data }) => {
        expect(await throughJson(`echo_${datatype}`, datatype, shape, data)).toEqual(oneNaN(datatype, data))
      }),
      runs,
    )
  })

  it('explicit contents and raw contents mean the same', async () => {
    const values = Array.from({ length: 16 }, (_, index) => index - 5)
    const inputs = ['INPUT0', 'INPUT1'].map((name) => ({
      name,
      datatype: 'INT32',
      shape: [1, 16],
      contents: { int_contents: values },
    }))
    const explicit = await call('ModelInfer', { model_name: 'simple', inputs })
    const raw = Buffer.from(Int32Array.from(values).buffer)
    const bare = inputs.map(({ name, datatype, shape }) => ({ name, datatype, shape }))
    const direct = await call('ModelInfer', { model_name: 'simple', inputs: bare, raw_input_contents: [raw, raw] })
    expect(explicit.raw_output_contents).toEqual(direct.raw_output_contents)
  })
})

describe('bad input over gRPC', () => {
  const refused = (
    request: unknown,
    method = 'ModelInfer',
    options = {},
  ): Promise<{ code: number; details: string; slipway: unknown }> =>
    call(method, request, options).then(
      () => ({ code: 0, details: '', slipway: undefined }),
      (error: ServiceError) => ({
        code: error.code,
        details: error.details,
        slipway: error.metadata.get('slipway-error')[0],
      }),
    )
  const input = (change: Readonly<Record<string, unknown>>): unknown => ({
    name: 'x',
    datatype: 'FP32',
    shape: [1, 1],
    ...change,
  })

  it.each([
    ['an unknown model', { model_name: 'nope' }, 5, /Request for unknown model/],
    [
      'too few raw contents',
      { model_name: 'echo_FP32', inputs: [input({}), input({ name: 'y' })], raw_input_contents: [Buffer.alloc(4)] },
      3,
      /2 inputs but 1 raw_input_contents/,
    ],
    [
      'raw and explicit contents',
      {
        model_name: 'echo_FP32',
        inputs: [input({ contents: { fp32_contents: [1] } })],
        raw_input_contents: [Buffer.alloc(4)],
      },
      3,
      /has contents although/,
    ],
    [
      'too few bytes',
      { model_name: 'echo_FP32', inputs: [input({})], raw_input_contents: [Buffer.alloc(3)] },
      3,
      /takes 4 bytes, got 3/,
    ],
    [
      'too many values',
      { model_name: 'echo_FP32', inputs: [input({ contents: { fp32_contents: [1, 2] } })] },
      3,
      /more values than the shape/,
    ],
    [
      'too few values',
      { model_name: 'echo_FP32', inputs: [input({ contents: { fp32_contents: [] } })] },
      3,
      /takes 1 values/,
    ],
    [
      'a huge shape',
      {
        model_name: 'echo_FP32',
        inputs: [input({ shape: [2147483647, 2147483647], contents: { fp32_contents: [1] } })],
      },
      3,
      /takes 4611686014132420609 values|the contents have fewer|too many elements/,
    ],
    [
      'a dimension that no number holds',
      {
        model_name: 'echo_FP32',
        inputs: [input({ shape: ['4611686018427387905', 8] })],
        raw_input_contents: [Buffer.alloc(4)],
      },
      3,
      /shape \[4611686018427387905,8\] has the dimension 4611686018427387905; dimensions are whole numbers from 0 to/,
    ],
    [
      'a negative dimension',
      { model_name: 'echo_FP32', inputs: [input({ shape: [-1, 1] })], raw_input_contents: [Buffer.alloc(4)] },
      3,
      /not a whole number/,
    ],
    [
      'a field of another type',
      { model_name: 'echo_FP32', inputs: [input({ contents: { int_contents: [1] } })] },
      3,
      /don't go with FP32/,
    ],
    [
      'FP16 as values',
      { model_name: 'echo_FP16', inputs: [input({ datatype: 'FP16', contents: { fp32_contents: [1] } })] },
      3,
      /no contents field/,
    ],
    [
      'an integer out of range',
      { model_name: 'echo_INT8', inputs: [input({ datatype: 'INT8', contents: { int_contents: [200] } })] },
      3,
      /not between -128 and 127/,
    ],
    [
      'shared memory',
      { model_name: 'echo_FP32', inputs: [input({ parameters: { shared_memory_region: { string_param: 'r' } } })] },
      12,
      /shared memory is not supported/,
    ],
  ])('%s', async (_, request, code, details) => {
    const answer = await refused(request)
    expect(answer.details).toMatch(details)
    expect(answer.code).toBe(code)
    expect(answer.slipway).toBeDefined()
  })

  it('a deadline that passes', async () => {
    expect(
      await refused({ model_name: 'simple', inputs: [] }, 'ModelInfer', { deadline: Date.now() - 1000 }),
    ).toMatchObject({ code: 4 })
  })

  it('messages that are no protobuf, or larger than the limit', async () => {
    const send = (method: string, bytes: Buffer): Promise<number> =>
      new Promise((resolve) => {
        client.makeUnaryRequest(
          `/inference.GRPCInferenceService/${method}`,
          (value: Buffer) => value,
          (value: Buffer) => value,
          bytes,
          (error) => resolve(error?.code ?? 0),
        )
      })
    expect(await send('ModelInfer', Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff]))).toBe(3)
    expect(await send('ModelInfer', Buffer.from([0x2a, 0xff, 0xff, 0xff, 0xff, 0x0f]))).toBe(3)
    expect(await send('ModelMetadata', Buffer.from([0x0a, 0xff]))).toBe(3)
    expect(await send('ModelInfer', Buffer.alloc(65 * 1024 * 1024))).toBe(8)
    // Empty outputs, inputs, contents and parameters, each of two bytes.
    for (const tag of [0x32, 0x2a, 0x3a, 0x22])
      expect(await send('ModelInfer', Buffer.alloc(2_000_000, Uint8Array.of(tag, 0)))).toBe(3)
    expect(await send('ModelMetadata', Buffer.alloc(2_000_000, Uint8Array.of(0x0a, 0)))).toBe(3)
    expect(
      (
        await call('ModelInfer', {
          model_name: 'echo_FP32',
          inputs: [input({})],
          raw_input_contents: [Buffer.alloc(4)],
        })
      ).outputs,
    ).toHaveLength(1)
  })

  it('a name of a repository, which only clients of KServe put the model into', async () => {
    const named = { repository_name: 'foo', model_name: 'simple' }
    for (const [method, request] of [
      ['RepositoryIndex', { repository_name: 'foo' }],
      ['RepositoryModelLoad', named],
      ['RepositoryModelUnload', named],
    ] as const)
      expect(await refused(request, method), method).toMatchObject({
        code: 12,
        details: 'naming a model repository is not supported',
      })
    await call('RepositoryModelLoad', { repository_name: 'simple' })
  })

  it('loading with paths that lead elsewhere', async () => {
    const parameters = {
      config: { string_param: '{"backend":"echo"}' },
      'file:1/../../x': { bytes_param: Buffer.from('{}') },
    }
    expect(await refused({ model_name: 'fresh', parameters }, 'RepositoryModelLoad')).toMatchObject({
      code: 3,
      details: expect.stringMatching(/not a file path/) as unknown,
    })
    expect(await refused({ model_name: '../x' }, 'RepositoryModelLoad')).toMatchObject({
      code: 3,
      details: expect.stringMatching(/not a valid model name/) as unknown,
    })
  })
})

describe('a stream', () => {
  const open = (): ClientDuplexStream<unknown, { error_message: string; infer_response: Reply }> =>
    (
      client['ModelStreamInfer'] as unknown as () => ClientDuplexStream<
        unknown,
        { error_message: string; infer_response: Reply }
      >
    ).call(client)
  const message = (id: number): unknown => ({
    model_name: 'echo_INT32',
    id: String(id),
    inputs: [{ name: 'x', datatype: 'INT32', shape: [1, 1] }],
    raw_input_contents: [Buffer.from(Int32Array.of(id).buffer)],
  })

  it('of thousands of messages is answered in order', async () => {
    const stream = open()
    const ids: string[] = []
    const ended = new Promise<void>((resolve, reject) => {
      stream.on('data', (answer: { infer_response: Reply }) => ids.push(answer.infer_response.id))
      stream.on('end', resolve)
      stream.on('error', reject)
    })
    for (let id = 0; id < 3000; id++) stream.write(message(id))
    stream.end()
    await ended
    expect(ids).toEqual(Array.from({ length: 3000 }, (_, id) => String(id)))
  })

  it('whose client leaves in the middle costs nothing after', async () => {
    const stream = open()
    stream.on('error', () => {})
    for (let id = 0; id < 500; id++) stream.write(message(id))
    await new Promise((resolve) => stream.once('data', resolve))
    stream.cancel()
    await eventually('nothing is in flight', async () =>
      /slipway_in_flight\{model="echo_INT32",version="1"\} 0/.test(await (await app.fetch('/metrics')).text())
        ? true
        : undefined,
    )
  })
})
