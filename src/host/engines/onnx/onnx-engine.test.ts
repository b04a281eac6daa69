import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import {
  datatypeBytes,
  decodeStrings,
  encodeStrings,
  tensorFromTypedArray,
  toTypedArray,
} from '../../../tensor/index.ts'
import type { Tensor } from '../../../tensor/index.ts'
import type { OnnxInitializer, OnnxModel } from '../../../testing/onnx-builder.ts'
import { buildOnnx } from '../../../testing/onnx-builder.ts'
import { identityModel, mlpModel, simpleModel, zipMapModel } from '../../../testing/onnx-models.ts'
import type { LoadedModel } from '../../engine.ts'
import { cudaSupport } from './cuda-support.ts'
import { onnxEngine, onnxEngineWith } from './onnx-engine.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-onnx-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const folder = (): string => mkdtempSync(join(root, 'model-'))

const write = (model: OnnxModel | Uint8Array, directory = folder()): string => {
  const path = join(directory, 'model.onnx')
  writeFileSync(path, model instanceof Uint8Array ? model : buildOnnx(model))
  return path
}

const load = (path: string, options: Readonly<Record<string, string>> = {}): Promise<LoadedModel> =>
  onnxEngine.load({ model: 'm', version: '1', engine: 'onnx', path, options })

const external = (data: OnnxInitializer['data']): OnnxModel => ({
  inputs: [{ name: 'x', datatype: 'FP32', shape: [2] }],
  outputs: [{ name: 'y', datatype: 'FP32', shape: [2] }],
  nodes: [{ op: 'Add', inputs: ['x', 'w'], outputs: ['y'] }],
  initializers: [{ name: 'w', datatype: 'FP32', dims: [2], data }],
})

describe('the ONNX engine', () => {
  it.each([
    'BOOL',
    'UINT8',
    'UINT16',
    'UINT32',
    'UINT64',
    'INT8',
    'INT16',
    'INT32',
    'INT64',
    'FP16',
    'FP32',
    'FP64',
  ] as const)('carries %s through the runtime bit by bit', async (datatype) => {
    const bytes = Uint8Array.from({ length: 48 }, (_, index) =>
      datatype === 'BOOL' ? index % 2 : (index * 37 + 11) % 120,
    )
    const elements = 48 / datatypeBytes[datatype]
    await using model = await load(write(identityModel(datatype, [-1])))
    const input: Tensor = { name: 'x', datatype, shape: [elements], data: bytes }
    const [output] = await model.run([input], [])
    expect(output).toEqual({ name: 'y', datatype, shape: [elements], data: bytes })
  })

  it('carries strings, and refuses those that the runtime would cut', async () => {
    await using model = await load(write(identityModel('BYTES', [-1])))
    const strings = ['', 'plain', 'ümläut ☂']
    const [output] = await model.run([{ name: 'x', datatype: 'BYTES', shape: [3], data: encodeStrings(strings) }], [])
    expect(output && decodeStrings(output)).toEqual(strings)
    await expect(
      model.run([{ name: 'x', datatype: 'BYTES', shape: [1], data: encodeStrings(['a\0b']) }], []),
    ).rejects.toThrow(/element 0 holds a NUL byte/)
    const broken = Uint8Array.of(1, 0, 0, 0, 0xff)
    await expect(model.run([{ name: 'x', datatype: 'BYTES', shape: [1], data: broken }], [])).rejects.toThrow(
      /not valid UTF-8/,
    )
  })

  it('computes only the outputs that are wanted', async () => {
    await using model = await load(write(simpleModel()))
    const ones = tensorFromTypedArray('INPUT0', 'INT32', [1, 16], new Int32Array(16).fill(7))
    const twos = tensorFromTypedArray('INPUT1', 'INT32', [1, 16], new Int32Array(16).fill(2))
    const outputs = await model.run([ones, twos], ['OUTPUT1'])
    expect(outputs.map((output) => [output.name, [...toTypedArray(output)]])).toEqual([
      ['OUTPUT1', Array.from({ length: 16 }, () => 5)],
    ])
  })

  it('tells names, types and open dimensions of the model', async () => {
    await using model = await load(write({ ...mlpModel(), metadata: { feature_names: '["a"]' } }))
    expect(model.signature).toEqual({
      inputs: [{ name: 'input', datatype: 'FP32', shape: [-1, 64] }],
      outputs: [{ name: 'output', datatype: 'FP32', shape: [-1, 10] }],
    })
    expect(model.metadata).toMatchObject({ producer: 'slipway-testing', feature_names: '["a"]' })
  })

  it.each([
    ['int64', ['10', '20', '30']],
    ['string', ['low', 'middle', 'high']],
  ] as const)('serves a ZipMap with %s keys as the tensor behind it, with its classes', async (keys, classes) => {
    await using model = await load(write(zipMapModel(keys)))
    expect(model.signature.outputs).toEqual([{ name: 'output_probability', datatype: 'FP32', shape: [-1, 3] }])
    expect(JSON.parse(model.metadata['classes.output_probability'] ?? '')).toEqual(classes)
    const [output] = await model.run([tensorFromTypedArray('input', 'FP32', [1, 3], Float32Array.of(0, 0, 0))], [])
    expect(output && [...toTypedArray(output)].map((value) => Number(value).toFixed(4))).toEqual([
      '0.3333',
      '0.3333',
      '0.3333',
    ])
  })

  it('takes every option of the runtime for the processor, and says which values it knows', async () => {
    const path = write(mlpModel())
    const options = {
      intra_op_thread_count: '1',
      inter_op_thread_count: '1',
      execution_mode: '1',
      graph_optimization_level: 'basic',
      enable_mem_arena: '0',
      enable_mem_pattern: '0',
    }
    await using model = await load(path, options)
    expect(model.runtime).toBe('onnxruntime cpu')
    await expect(load(path, { graph_optimization_level: 'most' })).rejects.toThrow(
      /must be one of all, extended, basic, disabled/,
    )
    await expect(load(path, { intra_op_thread_count: '-1' })).rejects.toThrow(/whole number from 0/)
    await expect(load(path, { execution_provider: 'cuda' })).rejects.toThrow(/'cuda' is not in this runtime/)
  })

  it.skipIf(cudaSupport().kind === 'ready')(
    'falls back to the CPU where CUDA does not work, unless it is chosen',
    async () => {
      const engine = onnxEngineWith(() => ['cpu', 'cuda'])
      const order = { model: 'm', version: '1', engine: 'onnx', path: write(mlpModel()) } as const
      for (const options of [{}, { execution_provider: 'auto' }]) {
        await using model = await engine.load({ ...order, options })
        expect(model.runtime).toBe('onnxruntime cpu')
      }
      await expect(engine.load({ ...order, options: { execution_provider: 'cuda' } })).rejects.toThrow(
        /^execution provider 'cuda' can't be used here: /,
      )
    },
  )

  it('loads weights from a file beside the model', async () => {
    const directory = folder()
    writeFileSync(join(directory, 'weights.bin'), new Uint8Array(Float32Array.of(9, 1, 2).buffer))
    await using model = await load(write(external({ location: 'weights.bin', offset: 4, length: 8 }), directory))
    const [output] = await model.run([tensorFromTypedArray('x', 'FP32', [2], Float32Array.of(10, 20))], [])
    expect(output && [...toTypedArray(output)]).toEqual([11, 22])
  })
})

describe('ONNX files that must not be loaded', () => {
  const refused = async (model: OnnxModel | Uint8Array, directory?: string): Promise<string> =>
    load(write(model, directory)).then(
      () => 'loaded',
      (error: Error) => error.message,
    )

  it.each([
    ['../secret', /lead out of the folder/],
    ['a/../../secret', /lead out of the folder/],
    ['/etc/passwd', /relative path/],
    ['C:\\secret', /relative path/],
    ['', /relative path/],
    ['missing.bin', /are missing/],
  ])('external data at %j', async (location, reason) => {
    expect(await refused(external({ location }))).toMatch(reason)
  })

  it('external data behind a symbolic link, of a file or of a folder', async () => {
    const secret = folder()
    writeFileSync(join(secret, 'weights.bin'), new Uint8Array(8))
    const directory = folder()
    symlinkSync(join(secret, 'weights.bin'), join(directory, 'link.bin'))
    symlinkSync(secret, join(directory, 'sub'))
    expect(await refused(external({ location: 'link.bin' }), directory)).toMatch(/symbolic link/)
    expect(await refused(external({ location: 'sub/weights.bin' }), directory)).toMatch(/symbolic link/)
  })

  it('external data that are a hard link', async () => {
    const directory = folder()
    const secret = join(folder(), 'secret')
    writeFileSync(secret, new Uint8Array(8))
    linkSync(secret, join(directory, 'weights.bin'))
    expect(await refused(external({ location: 'weights.bin' }), directory)).toMatch(/hard link/)
  })

  it('external data that are a folder or shorter than claimed', async () => {
    const directory = folder()
    mkdirSync(join(directory, 'inner'))
    writeFileSync(join(directory, 'weights.bin'), new Uint8Array(8))
    expect(await refused(external({ location: 'inner' }), directory)).toMatch(/not a regular file/)
    expect(await refused(external({ location: 'weights.bin', offset: 4, length: 8 }), directory)).toMatch(
      /claim the bytes 4 to 12 of a file of 8/,
    )
    expect(await refused(external({ location: 'weights.bin', offset: -4 }), directory)).toMatch(/claim the bytes/)
  })

  it('a custom operator domain, also within the graph of an attribute', async () => {
    const node = { op: 'Evil', domain: 'evil.ops', inputs: ['x'], outputs: ['y'] }
    const model = identityModel('FP32')
    expect(await refused({ ...model, nodes: [node] })).toMatch(/operators of the domain 'evil.ops'/)
    const inner = { inputs: [], outputs: [], nodes: [node] }
    const branch = { op: 'If', inputs: ['x'], outputs: ['y'], attributes: { then_branch: { graph: inner } } }
    expect(await refused({ ...model, nodes: [branch] })).toMatch(/operators of the domain 'evil.ops'/)
  })

  it('weights that are not as long as their dimensions say', async () => {
    expect(await refused(external(new Uint8Array(4)))).toMatch(/not as long as its dimensions say/)
  })

  it('files that are empty, cut short or something else', async () => {
    expect(await refused(new Uint8Array())).toMatch(/is empty/)
    expect(await refused(new TextEncoder().encode('<html>not a model</html>'))).toMatch(/not ONNX/)
    const whole = buildOnnx(mlpModel())
    for (const length of [1, 10, 100, Math.floor(whole.length / 2), whole.length - 1]) {
      expect(await refused(whole.slice(0, length)), `cut at ${length}`).toMatch(/not ONNX|ONNX Runtime/)
    }
  })

  it('a file above the limit, and one that is a folder', async () => {
    await expect(load(write(mlpModel()), { onnx_file_bytes_max: '1000' })).rejects.toThrow(/the limit is 1000/)
    await expect(load(folder())).rejects.toThrow(/not a regular file/)
  })

  it('graphs nested without end', async () => {
    let graph: OnnxModel = { inputs: [], outputs: [], nodes: [] }
    for (let depth = 0; depth < 50; depth++) {
      graph = {
        inputs: [],
        outputs: [],
        nodes: [{ op: 'If', inputs: [], outputs: [], attributes: { then_branch: { graph } } }],
      }
    }
    expect(await refused(graph)).toMatch(/nested deeper/)
  })

  it('damaged copies never take the process down', async () => {
    const whole = buildOnnx(simpleModel())
    for (let at = 0; at < whole.length; at += 7) {
      const copy = whole.slice()
      copy[at] = (copy[at] ?? 0) ^ 0xff
      await refused(copy)
    }
    expect(await refused(whole)).toBe('loaded')
  })
})
