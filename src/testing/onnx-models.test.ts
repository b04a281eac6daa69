import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import type { OnnxModel } from './onnx-builder.ts'
import { buildOnnx } from './onnx-builder.ts'
import {
  allocationBombModel,
  dynamicShapesModel,
  fixedCostModel,
  identityModel,
  imageModel,
  labelModel,
  largeModel,
  mlpModel,
  simpleModel,
  slowModel,
  zipMapModel,
} from './onnx-models.ts'

const open = (model: OnnxModel): Promise<InferenceSession> =>
  InferenceSession.create(buildOnnx(model), { logSeverityLevel: 4, intraOpNumThreads: 1 })

const floats = (dims: readonly number[], fill: (index: number) => number = (index) => (index % 7) / 7): OrtTensor =>
  new OrtTensor(
    'float32',
    Float32Array.from({ length: dims.reduce((product, size) => product * size, 1) }, (_, index) => fill(index)),
    dims,
  )

const run = async (
  model: OnnxModel,
  feeds: Readonly<Record<string, OrtTensor>>,
): Promise<InferenceSession.ReturnType> => {
  const session = await open(model)
  try {
    return await session.run(feeds)
  } finally {
    await session.release()
  }
}

const shapes = (results: InferenceSession.ReturnType): Record<string, readonly number[]> =>
  Object.fromEntries(Object.entries(results).map(([name, value]) => [name, (value as OrtTensor).dims]))

/** Least time of three runs, ms. */
const runMs = async (session: InferenceSession, feeds: Readonly<Record<string, OrtTensor>>): Promise<number> => {
  const times: number[] = []
  for (let attempt = 0; attempt < 3; attempt++) {
    const start = performance.now()
    await session.run(feeds)
    times.push(performance.now() - start)
  }
  return Math.min(...times)
}

describe('sample models in ONNX Runtime', () => {
  it.each([
    ['FP32', 'float32'],
    ['FP64', 'float64'],
    ['FP16', 'float16'],
    ['BOOL', 'bool'],
    ['BYTES', 'string'],
    ['INT8', 'int8'],
    ['INT16', 'int16'],
    ['INT32', 'int32'],
    ['INT64', 'int64'],
    ['UINT8', 'uint8'],
    ['UINT16', 'uint16'],
    ['UINT32', 'uint32'],
    ['UINT64', 'uint64'],
  ] as const)('the identity of %s declares %s and its shape', async (datatype, type) => {
    const session = await open(identityModel(datatype, [-1, 3]))
    expect(session.inputMetadata).toMatchObject([{ name: 'x', type, shape: [expect.anything() as unknown, 3] }])
    expect(session.outputMetadata).toMatchObject([{ name: 'y', type }])
    await session.release()
  })

  it('simple answers sum and difference', async () => {
    const input = (value: number): OrtTensor => new OrtTensor('int32', new Int32Array(32).fill(value), [2, 16])
    const results = await run(simpleModel(), { INPUT0: input(5), INPUT1: input(3) })
    expect(results['OUTPUT0']?.data).toEqual(new Int32Array(32).fill(8))
    expect(results['OUTPUT1']?.data).toEqual(new Int32Array(32).fill(2))
  })

  it('the perceptron has the same weights every time, and other ones by size', async () => {
    const feeds = { input: floats([3, 64]) }
    const once = await run(mlpModel(), feeds)
    expect(shapes(once)).toEqual({ output: [3, 10] })
    expect((await run(mlpModel(), feeds))['output']?.data).toEqual(once['output']?.data)
    expect((await run(mlpModel({ hidden: 8 }), feeds))['output']?.data).not.toEqual(once['output']?.data)
  })

  it('the cost of a run of the model of fixed cost hardly depends on the rows, and nothing of it is done ahead', async () => {
    const session = await open(fixedCostModel({ size: 256, rounds: 6 }))
    const one = await runMs(session, { input: floats([1, 64]) })
    const many = await runMs(session, { input: floats([64, 64]) })
    expect(many / one).toBeLessThan(8)
    const plain = await open(mlpModel())
    expect(one).toBeGreaterThan(3 * (await runMs(plain, { input: floats([1, 64]) })))
    await session.release()
    await plain.release()
  })

  it('the image model takes images and gives a thousand scores', async () => {
    expect(shapes(await run(imageModel(), { image: floats([2, 3, 224, 224]) }))).toEqual({ scores: [2, 1000] })
  })

  it('the large model has a file as large as asked for', async () => {
    const bytes = 3 * 1024 * 1024
    expect(buildOnnx(largeModel(bytes)).length - bytes).toBeLessThan(1024)
    expect(shapes(await run(largeModel(bytes), { input: floats([2, 64]) }))).toEqual({ output: [2] })
  })

  it.each(['int64', 'string'] as const)('a ZipMap with keys of %s is a sequence, not a tensor', async (keys) => {
    const session = await open(zipMapModel(keys))
    expect(session.outputMetadata).toMatchObject([{ name: 'output_probability', isTensor: false }])
    await session.release()
  })

  it('the label model answers texts', async () => {
    const results = await run(labelModel(), { input: floats([2, 3], (index) => [1, 9, 2, 3, 4, 5][index] ?? 0) })
    expect(results['label']?.data).toEqual(['middle', 'high'])
    expect(results['score']?.data).toEqual(Float32Array.of(9, 5))
  })

  it('the model of open shapes answers a size that only the data tell', async () => {
    const results = await run(dynamicShapesModel(), {
      left: floats([2, 1], (index) => index),
      right: floats([1, 3], (index) => index),
    })
    expect(shapes(results)).toEqual({ product: [2, 3], places: [2, 2] })
  })

  it('the slow model runs as long as its input says', async () => {
    const session = await open(slowModel())
    const rounds = (count: number): { rounds: OrtTensor } => ({
      rounds: new OrtTensor('int64', BigInt64Array.of(BigInt(count)), [1]),
    })
    expect((await session.run(rounds(7)))['done']?.data).toEqual(BigInt64Array.of(7n))
    expect(await runMs(session, rounds(400))).toBeGreaterThan(8 * (await runMs(session, rounds(10))))
    await session.release()
  })

  it('the allocation bomb answers what it is asked for, and fails cleanly when that is too much', async () => {
    const session = await open(allocationBombModel())
    const shape = (rows: bigint): { shape: OrtTensor } => ({
      shape: new OrtTensor('int64', BigInt64Array.of(rows, 4n), [2]),
    })
    expect(buildOnnx(allocationBombModel()).length).toBeLessThan(500)
    expect(shapes(await session.run(shape(3n)))).toEqual({ output: [3, 4] })
    await expect(session.run(shape(2n ** 50n))).rejects.toThrow()
    await session.release()
  })

  it('functions of the model itself run', async () => {
    const node = { op: 'Double', domain: 'local', inputs: ['x'], outputs: ['y'] }
    const body = { op: 'Add', inputs: ['a', 'a'], outputs: ['b'] }
    const results = await run(
      {
        ...identityModel('FP32', [2]),
        nodes: [node],
        functions: [{ name: 'Double', domain: 'local', inputs: ['a'], outputs: ['b'], nodes: [body] }],
      },
      { x: floats([2], (index) => index + 1) },
    )
    expect(results['y']?.data).toEqual(Float32Array.of(2, 4))
  })

  it('tensors in attributes and sparse initializers are read', async () => {
    const data = (...values: number[]): Uint8Array => new Uint8Array(Float32Array.from(values).buffer)
    const results = await run(
      {
        ...identityModel('FP32', [8]),
        nodes: [
          {
            op: 'Constant',
            inputs: [],
            outputs: ['c'],
            attributes: { value: { tensor: { name: 't', datatype: 'FP32', dims: [1], data: data(100) } } },
          },
          { op: 'Add', inputs: ['x', 'c'], outputs: ['s'] },
          { op: 'Add', inputs: ['s', 'v'], outputs: ['y'] },
        ],
        sparseInitializers: [
          {
            values: { name: 'v', datatype: 'FP32', dims: [2], data: data(10, 20) },
            indices: {
              name: 'i',
              datatype: 'INT64',
              dims: [2],
              data: new Uint8Array(BigInt64Array.of(1n, 7n).buffer),
            },
          },
        ],
      },
      { x: floats([8], () => 1) },
    )
    expect(results['y']?.data).toEqual(Float32Array.of(101, 111, 101, 101, 101, 101, 101, 121))
  })
})
