import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { ProtobufWriter } from '../../../lib/index.ts'
import type { OnnxModel } from '../../../testing/onnx-builder.ts'
import { buildOnnx } from '../../../testing/onnx-builder.ts'
import { dynamicShapesModel, identityModel, mlpModel, slowModel, zipMapModel } from '../../../testing/onnx-models.ts'
import type { OnnxFacts } from './onnx-file.ts'
import { readOnnxFacts } from './onnx-file.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-onnx-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const folder = (): string => mkdtempSync(join(root, 'model-'))

const factsOf = (model: OnnxModel | Uint8Array): OnnxFacts => {
  const bytes = model instanceof Uint8Array ? model : buildOnnx(model)
  const path = join(folder(), 'model.onnx')
  writeFileSync(path, bytes)
  const fd = openSync(path, 'r')
  try {
    return readOnnxFacts(fd, bytes.length)
  } finally {
    closeSync(fd)
  }
}

/** A model of one output whose type `write` writes. */
const typed = (write: (type: ProtobufWriter) => void): Uint8Array =>
  new ProtobufWriter()
    .message(7, (graph) => graph.message(12, (value) => value.string(1, 'y').message(2, write)))
    .finish()

const tensorOf =
  (type: number) =>
  (writer: ProtobufWriter): unknown =>
    writer.message(1, (tensor) => tensor.uint64(1, type))

describe('facts of an ONNX file', () => {
  it('are versions, producer, metadata and operators', () => {
    const facts = factsOf({ ...zipMapModel('string'), metadata: { author: 'ü', ['__proto__']: 'x' }, opset: 18 })
    expect(facts).toMatchObject({ irVersion: 8, producer: 'slipway-testing', hasGraph: true, hasZipMap: true })
    expect(facts.opsets).toEqual(
      new Map([
        ['', 18],
        ['ai.onnx.ml', 3],
      ]),
    )
    expect(Object.entries(facts.metadata)).toEqual([
      ['author', 'ü'],
      ['__proto__', 'x'],
    ])
    expect(facts.operators).toEqual(
      new Map([
        ['', new Set(['Softmax'])],
        ['ai.onnx.ml', new Set(['ZipMap'])],
      ]),
    )
  })

  it('include operators in graphs of attributes and in functions', () => {
    expect(factsOf(slowModel()).operators.get('')).toContain('Clip')
    const body = { op: 'Erf', inputs: ['a'], outputs: ['b'] }
    const facts = factsOf({
      ...identityModel('FP32'),
      functions: [{ name: 'F', domain: 'local', inputs: ['a'], outputs: ['b'], nodes: [body] }],
    })
    expect(facts.operators.get('')).toEqual(new Set(['Identity', 'Erf']))
    expect(facts.functions).toEqual(new Map([['local', new Set(['F'])]]))
  })

  it('include names, types and shapes, with names of open dimensions', () => {
    const facts = factsOf(dynamicShapesModel())
    expect(facts.inputs).toEqual([
      { name: 'left', type: 'float', shape: ['rows', 'inner'] },
      { name: 'right', type: 'float', shape: ['inner', 'columns'] },
    ])
    expect(facts.outputs).toEqual([
      { name: 'product', type: 'float', shape: ['rows', 'columns'] },
      { name: 'places', type: 'int64', shape: [2, -1] },
    ])
  })

  it('leave out inputs that initializers fill, as old exporters list them', () => {
    const model = mlpModel()
    const weights = { name: 'w1', datatype: 'FP32', shape: [64, 32] } as const
    expect(factsOf({ ...model, inputs: [weights, ...model.inputs] }).inputs.map((input) => input.name)).toEqual([
      'input',
    ])
  })

  it.each<[string, (type: ProtobufWriter) => unknown]>([
    ['float', tensorOf(1)],
    ['bfloat16', tensorOf(16)],
    ['type 99', tensorOf(99)],
    ['sequence<string>', (type) => type.message(4, (sequence) => sequence.message(1, tensorOf(8)))],
    [
      'map<string,sequence<double>>',
      (type) =>
        type.message(5, (map) =>
          map.uint64(1, 8).message(2, (value) => value.message(4, (sequence) => sequence.message(1, tensorOf(11)))),
        ),
    ],
    ['optional<int32>', (type) => type.message(9, (optional) => optional.message(1, tensorOf(6)))],
    ['sparse<float>', (type) => type.message(8, (tensor) => tensor.uint64(1, 1))],
    ['opaque', (type) => type.message(7, () => {})],
    ['', () => {}],
  ])('call a type %j', (text, write) => {
    expect(factsOf(typed(write)).outputs).toEqual([{ name: 'y', type: text, shape: undefined }])
  })

  it.each(['int64', 'string'] as const)('call the output of a ZipMap with keys of %s a sequence of maps', (keys) => {
    expect(factsOf(zipMapModel(keys)).outputs).toMatchObject([{ type: `sequence<map<${keys},float>>` }])
  })

  it('tell a scalar from a shape that is not given', () => {
    expect(factsOf(identityModel('FP32', [])).outputs).toMatchObject([{ shape: [] }])
  })

  it('do not follow types or dimensions without end', () => {
    const nest = (depth: number) => (type: ProtobufWriter) => {
      if (depth > 0) type.message(4, (sequence) => sequence.message(1, nest(depth - 1)))
    }
    expect(() => factsOf(typed(nest(20)))).toThrow(/types nested deeper than 8/)
    expect(() =>
      factsOf(
        identityModel(
          'FP32',
          Array.from({ length: 65 }, () => 1),
        ),
      ),
    ).toThrow(/more than 64 dimensions/)
  })

  it('list where tensors lie in other files', () => {
    const external = { location: 'w.bin', offset: 16, length: 8 }
    const facts = factsOf({
      ...identityModel('FP32'),
      initializers: [{ name: 'w', datatype: 'FP32', dims: [2], data: external }],
    })
    expect(facts.external).toEqual([{ tensor: 'w', ...external, bytes: 8 }])
  })

  it('hold a thousand entries of metadata, and of each value the first 64 KiB', () => {
    const many = Object.fromEntries(Array.from({ length: 1500 }, (_, index) => [`key ${index}`, 'v']))
    expect(Object.keys(factsOf({ ...identityModel('FP32'), metadata: many }).metadata)).toHaveLength(1000)
    const long = factsOf({ ...identityModel('FP32'), metadata: { long: 'x'.repeat(100_000) } })
    expect(long.metadata['long']).toHaveLength(65_536)
  })

  it('are read across the edges of the reading window', () => {
    const names = Array.from({ length: 6000 }, (_, index) => `output number ${index}`)
    const facts = factsOf({
      ...identityModel('FP32'),
      outputs: names.map((name) => ({ name, datatype: 'FP32', shape: [1] })),
    })
    expect(facts.outputs.map((output) => output.name)).toEqual(names)
  })
})
