import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { tensorFromTypedArray } from '../../../tensor/index.ts'
import type { Tensor } from '../../../tensor/index.ts'
import type { OnnxModel } from '../../../testing/onnx-builder.ts'
import { buildOnnx } from '../../../testing/onnx-builder.ts'
import { convolutionModel, mlpModel, simpleModel, zipMapModel } from '../../../testing/onnx-models.ts'
import { seededRandom } from '../../../testing/seeded-random.ts'
import type { GraphPlace, LoadedModel } from '../../engine.ts'
import { graphContext } from './graph-context.ts'
import { onnxEngine } from './onnx-engine.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-graph-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const folder = (): string => mkdtempSync(join(root, 'model-'))

const write = (model: OnnxModel | Uint8Array, directory = folder()): string => {
  const path = join(directory, 'model.onnx')
  writeFileSync(path, model instanceof Uint8Array ? model : buildOnnx(model))
  return path
}

const load = (path: string, graph?: GraphPlace, options: Record<string, string> = {}): Promise<LoadedModel> =>
  onnxEngine.load({ model: 'm', version: '1', engine: 'onnx', path, options, ...(graph && { graph }) })

/** A shape that only folding constants tells, by an operator that shape inference doesn't follow. */
const foldedShapeModel = (): OnnxModel => ({
  inputs: [{ name: 'x', datatype: 'FP32', shape: ['batch', 4] }],
  outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, -1] }],
  nodes: [
    { op: 'Abs', inputs: ['given'], outputs: ['shape'] },
    { op: 'Reshape', inputs: ['x', 'shape'], outputs: ['y'] },
  ],
  initializers: [
    { name: 'given', datatype: 'INT64', dims: [2], data: new Uint8Array(BigInt64Array.of(-4n, -2n).buffer) },
  ],
})

const inputsOf = (model: LoadedModel): Tensor[] => {
  const random = seededRandom(5)
  return model.signature.inputs.map(({ name, datatype, shape }) => {
    const dims = shape.map((dimension) => (dimension === -1 ? 2 : dimension))
    const count = dims.reduce((product, dimension) => product * dimension, 1)
    const values = Array.from({ length: count }, () => random.next() * 20 - 10)
    return tensorFromTypedArray(
      name,
      datatype,
      dims,
      datatype === 'INT32' ? Int32Array.from(values) : Float32Array.from(values),
    )
  })
}

const fraud = (): Uint8Array =>
  readFileSync(new URL('../../../../examples/fraud/model-repository/fraud/2/model.onnx', import.meta.url))

describe('a saved graph', () => {
  it.each<[string, () => OnnxModel | Uint8Array]>([
    ['convolutions', () => convolutionModel({ layers: 3, channels: 32 })],
    ['a perceptron', () => mlpModel()],
    ['integers', () => simpleModel()],
    ['a ZipMap', () => zipMapModel('string')],
    ['trees', fraud],
    ['a folded shape', foldedShapeModel],
  ])('answers as its file does, and says the same of itself: %s', async (_, model) => {
    const path = write(model())
    const saved = join(folder(), 'graph.onnx')
    await using plain = await load(path)
    await using writer = await load(path, { write: saved })
    await using reader = await load(path, { read: saved })
    expect(writer.graph).toMatchObject({ kind: 'written' })
    expect(reader.graph).toEqual({ kind: 'read' })
    expect(plain.graph).toBeUndefined()
    expect([reader.signature, reader.metadata, reader.runtime]).toEqual([
      plain.signature,
      plain.metadata,
      plain.runtime,
    ])
    const inputs = inputsOf(plain)
    expect(await reader.run(inputs, [])).toEqual(await plain.run(inputs, []))
  })

  it.each<[string, (bytes: Buffer) => Uint8Array, RegExp]>([
    ['cut short', (bytes) => bytes.subarray(0, bytes.length / 2), /damaged|not ONNX/],
    ['empty', () => new Uint8Array(), /is empty/],
    ['without what the host wrote', () => buildOnnx(simpleModel()), /lacks what the host wrote/],
    [
      'with weights elsewhere',
      () =>
        buildOnnx({
          ...mlpModel(),
          initializers: [{ name: 'w1', datatype: 'FP32', dims: [1], data: { location: '../secret' } }],
        }),
      /lead out of the folder/,
    ],
  ])('that is %s is not used', async (_, damage, reason) => {
    const path = write(mlpModel())
    const saved = join(folder(), 'graph.onnx')
    await (await load(path, { write: saved }))[Symbol.asyncDispose]()
    writeFileSync(saved, damage(readFileSync(saved)))
    await using model = await load(path, { read: saved })
    expect(model.graph).toEqual({ kind: 'refused', reason: expect.stringMatching(reason) as string })
    expect(await model.run(inputsOf(model), [])).toHaveLength(1)
  })

  it('is neither written nor read for a model with weights in other files, or one that is not optimised', async () => {
    const path = write(mlpModel())
    const saved = join(folder(), 'graph.onnx')
    await (await load(path, { write: saved }))[Symbol.asyncDispose]()
    await using plain = await load(path, { read: saved }, { graph_optimization_level: 'disabled' })
    expect(plain.graph).toEqual({ kind: 'refused', reason: 'its graph is not optimised' })
    const directory = folder()
    writeFileSync(join(directory, 'weights.bin'), new Uint8Array(8))
    const elsewhere = write(
      {
        inputs: [{ name: 'x', datatype: 'FP32', shape: [2] }],
        outputs: [{ name: 'y', datatype: 'FP32', shape: [2] }],
        nodes: [{ op: 'Add', inputs: ['x', 'w'], outputs: ['y'] }],
        initializers: [{ name: 'w', datatype: 'FP32', dims: [2], data: { location: 'weights.bin', length: 8 } }],
      },
      directory,
    )
    await using other = await load(elsewhere, { read: saved })
    expect(other.graph).toEqual({ kind: 'refused', reason: 'its weights lie in other files' })
  })
})

describe('what a graph depends on', () => {
  it('is the same for the same options, and another for each that reaches the graph', () => {
    const options = { graph_optimization_level: 'all', intra_op_thread_count: '0' }
    const same = graphContext(options)
    expect(graphContext({ ...options, intra_op_thread_count: '4', preprocess: 'a.ts' })).toBe(same)
    const others = [
      'graph_optimization_level',
      'execution_provider',
      'execution_mode',
      'enable_mem_arena',
      'enable_mem_pattern',
    ].map((name) => graphContext({ ...options, [name]: '1' }))
    expect(new Set([same, ...others]).size).toBe(6)
  })
})
