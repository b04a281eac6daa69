import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { InferenceSession } from 'onnxruntime-node'
import { afterAll, describe, expect, it } from 'vitest'
import { ProtobufWriter } from '../../../lib/index.ts'
import { liveBytes } from '../../../testing/live-bytes.ts'
import type { OnnxInitializer, OnnxModel, OnnxNode } from '../../../testing/onnx-builder.ts'
import { buildOnnx } from '../../../testing/onnx-builder.ts'
import { identityModel, mlpModel } from '../../../testing/onnx-models.ts'
import type { OnnxLimits } from './check-onnx.ts'
import { checkOnnx } from './check-onnx.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-onnx-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const folder = (): string => mkdtempSync(join(root, 'model-'))

const write = (model: OnnxModel | Uint8Array, directory = folder(), name = 'model.onnx'): string => {
  const path = join(directory, name)
  writeFileSync(path, model instanceof Uint8Array ? model : buildOnnx(model))
  return path
}

const limits: OnnxLimits = { bytesMax: 1_000_000_000, allowedDomains: [] }

/** Why a file is refused; an empty text when it isn't. */
const refusal = (path: string, more: Partial<OnnxLimits> = {}): string => {
  try {
    checkOnnx(path, { ...limits, ...more })
    return ''
  } catch (error) {
    expect(error).toMatchObject({ name: 'OnnxRefused' })
    return (error as Error).message
  }
}

const outside: OnnxInitializer = {
  name: 'w',
  datatype: 'FP32',
  dims: [2],
  data: { location: '../weights.bin', offset: 0, length: 8 },
}
const inside = (data: OnnxInitializer['data']): OnnxModel => ({
  ...identityModel('FP32', [2]),
  initializers: [{ name: 'w', datatype: 'FP32', dims: [2], data }],
})
const node = (attributes: OnnxNode['attributes'] = {}): OnnxNode => ({
  op: 'Identity',
  inputs: ['x'],
  outputs: ['y'],
  attributes,
})
const indices: OnnxInitializer = { name: 'i', datatype: 'INT64', dims: [2], data: new Uint8Array(16) }
const plain = (nodes: readonly OnnxNode[]): OnnxModel => ({ ...identityModel('FP32', [2]), nodes })
const graph = (nodes: readonly OnnxNode[], initializers: readonly OnnxInitializer[] = []): OnnxModel => ({
  inputs: [],
  outputs: [],
  nodes,
  initializers,
})

describe('external data that lead out of the folder are found', () => {
  it.each<[string, OnnxModel]>([
    ['in an initializer', inside(outside.data)],
    ['in an attribute', plain([node({ value: { tensor: outside } })])],
    ['in a sparse initializer', { ...plain([node()]), sparseInitializers: [{ values: outside, indices }] }],
    [
      'in the indices of a sparse one',
      { ...plain([node()]), sparseInitializers: [{ values: indices, indices: outside }] },
    ],
    ['in a sparse attribute', plain([node({ value: { sparse: { values: outside, indices } } })])],
    ['in the graph of an attribute', plain([node({ then_branch: { graph: graph([], [outside]) } })])],
    [
      'three graphs deep, in an attribute',
      plain([
        node({ body: { graph: graph([node({ body: { graph: graph([node({ value: { tensor: outside } })]) } })]) } }),
      ]),
    ],
    [
      'in a function',
      {
        ...plain([node()]),
        functions: [
          { name: 'F', domain: 'local', inputs: [], outputs: [], nodes: [node({ value: { tensor: outside } })] },
        ],
      },
    ],
    ['in the graph for training', { ...plain([node()]), training: graph([], [outside]) }],
  ])('%s', (_, model) => {
    expect(refusal(write(model))).toMatch(/'w' at '..\/weights.bin' lead out of the folder/)
  })
})

describe('external data must name one file within the folder', () => {
  it('a backslash is refused, since the runtime takes it as a letter and would open another file', () => {
    const directory = folder()
    mkdirSync(join(directory, 'a'))
    writeFileSync(join(directory, 'a', 'b'), new Uint8Array(8))
    const secret = join(folder(), 'secret')
    writeFileSync(secret, new Uint8Array(8))
    linkSync(secret, join(directory, 'a\\b'))
    expect(refusal(write(inside({ location: 'a\\b' }), directory))).toMatch(/without backslashes/)
    expect(refusal(write(inside({ location: 'a/b' }), directory))).toBe('')
  })

  it("the runtime's mark for data in memory is refused even where a file of that name exists", () => {
    const directory = folder()
    mkdirSync(join(directory, '*', '_ORT_MEM_ADDR_'), { recursive: true })
    writeFileSync(join(directory, '*', '_ORT_MEM_ADDR_', '*'), new Uint8Array(64))
    const model = inside({ location: '*/_ORT_MEM_ADDR_/*', offset: 8, length: 8 })
    expect(refusal(write(model, directory))).toMatch(/point into memory/)
  })

  it.each(['n'.repeat(300), 'x/'.repeat(2000), 'model.onnx/weights', '.', 'a\0b'])('%j', (location) => {
    expect(refusal(write(inside({ location })))).toMatch(/missing|regular file|relative path/)
  })

  it('also when the folder itself is reached through a link', () => {
    const directory = folder()
    writeFileSync(join(directory, 'weights.bin'), new Uint8Array(8))
    write(inside({ location: 'weights.bin' }), directory)
    const link = join(folder(), 'current')
    symlinkSync(directory, link)
    expect(refusal(join(link, 'model.onnx'))).toBe('')
  })

  it('which must be long enough when no length is given, and a given one must fit the dimensions', () => {
    const directory = folder()
    writeFileSync(join(directory, 'weights.bin'), new Uint8Array(16))
    const reason = (offset?: number, length?: number): string => {
      const place = { ...(offset === undefined ? {} : { offset }), ...(length === undefined ? {} : { length }) }
      return refusal(write(inside({ location: 'weights.bin', ...place }), directory))
    }
    expect(reason()).toBe('')
    expect(reason(8)).toBe('')
    expect(reason(8, 8)).toBe('')
    expect(reason(12)).toMatch(/claim the bytes 12 to 20 of a file of 16/)
    expect(reason(0, 4)).toMatch(/are 4 bytes, where its dimensions take 8/)
    expect(reason(0, 16)).toMatch(/are 16 bytes, where its dimensions take 8/)
    for (const number of [-8, 1.5, 1e21, Number.NaN, 2 ** 53]) {
      expect(reason(number, 8), String(number)).toMatch(/claim the bytes/)
      expect(reason(0, number), String(number)).toMatch(/claim the bytes/)
    }
  })

  it('given once', () => {
    const tensor = new ProtobufWriter().int64(1, 2).uint64(2, 1)
    for (const location of ['good.bin', '../bad.bin'])
      tensor.message(13, (entry) => entry.string(1, 'location').string(2, location))
    const file = new ProtobufWriter().uint64(1, 8).message(7, (message) => message.bytes(5, tensor.finish()))
    expect(refusal(write(file.finish()))).toMatch(/give 'location' twice/)
  })
})

describe('files that two readers would read differently are refused', () => {
  const whole = buildOnnx(identityModel('FP32'))
  const graphAt = whole.indexOf(7 * 8 + 2)
  const withTag = (...tag: number[]): Uint8Array =>
    Uint8Array.from([...whole.subarray(0, graphAt), ...tag, ...whole.subarray(graphAt + 1)])

  it('a tag that means the graph once cut to 32 bits, as the runtime does', async () => {
    const path = write(withTag(0xba, 0x80, 0x80, 0x80, 0x10))
    const session = await InferenceSession.create(path)
    await session.release()
    expect(refusal(path)).toMatch(/a tag of more than 32 bits/)
  })

  it('a tag that is merely padded is read', () => {
    expect(refusal(write(withTag(0xba, 0x80, 0x80, 0x80, 0x00)))).toBe('')
  })

  it('two graphs, which the runtime would join', () => {
    expect(refusal(write(Uint8Array.from([...whole, ...whole.subarray(graphAt)])))).toMatch(/field 7 comes twice/)
  })

  it('two tensors in an attribute', () => {
    const attribute = new ProtobufWriter().string(1, 'value')
    for (let half = 0; half < 2; half++) attribute.message(5, (tensor) => tensor.uint64(2, 1))
    const file = new ProtobufWriter().message(7, (message) =>
      message.message(1, (one) => one.bytes(5, attribute.finish())),
    )
    expect(refusal(write(file.finish()))).toMatch(/field 5 comes twice/)
  })

  it("the runtime's own format, by name or by letters within a valid ONNX file", () => {
    const mark = new ProtobufWriter().bytes(2, new TextEncoder().encode('..ORTM..')).finish()
    expect(refusal(write(Uint8Array.from([...mark, ...whole])))).toMatch(/format of ONNX Runtime/)
    expect(refusal(write(whole, folder(), 'model.ORT'))).toMatch(/format of ONNX Runtime/)
  })

  it('a location that is not UTF-8', () => {
    const file = new ProtobufWriter().message(7, (message) =>
      message.message(5, (tensor) =>
        tensor.message(13, (entry) => entry.string(1, 'location').bytes(2, Uint8Array.of(0x61, 0xff))),
      ),
    )
    expect(refusal(write(file.finish()))).toMatch(/not valid UTF-8/)
  })
})

describe('what the runtime could not run is refused with a reason', () => {
  it('an IR version from after the runtime, and the runtime agrees which that is', async () => {
    const newest = write({ ...identityModel('FP32'), irVersion: 13 })
    expect(refusal(newest)).toBe('')
    const session = await InferenceSession.create(newest)
    await session.release()
    const next = write({ ...identityModel('FP32'), irVersion: 14 })
    expect(refusal(next)).toMatch(/IR version 14; the runtime reads up to 13/)
    await expect(InferenceSession.create(next)).rejects.toThrow(/IR version/)
  })

  it('operators of a domain that is neither known, nor allowed, nor made of functions of the file', () => {
    const custom = plain([{ ...node(), op: 'Twice', domain: 'acme' }])
    const twice = { name: 'Twice', domain: 'acme', inputs: ['a'], outputs: ['b'], nodes: [node()] }
    expect(refusal(write(custom))).toMatch(/'Twice' of the operators of the domain 'acme'/)
    expect(refusal(write(custom), { allowedDomains: ['acme'] })).toBe('')
    expect(refusal(write({ ...custom, functions: [twice] }))).toBe('')
    expect(refusal(write({ ...custom, functions: [{ ...twice, name: 'Other' }] }))).toMatch(/'Twice'/)
  })

  it('a custom operator within a function', () => {
    const evil = { name: 'F', domain: 'local', inputs: [], outputs: [], nodes: [{ ...node(), domain: 'evil' }] }
    expect(refusal(write({ ...plain([node()]), functions: [evil] }))).toMatch(/domain 'evil'/)
  })

  it.each([
    'ai.onnx',
    'ai.onnx.ml',
    'ai.onnx.training',
    'ai.onnx.preview.training',
    'com.microsoft',
    'com.microsoft.nchwc',
    'com.microsoft.experimental',
    'com.ms.internal.nhwc',
  ])('operators of %s are not', (domain) => {
    expect(refusal(write(plain([{ ...node(), domain }])))).toBe('')
  })

  it.each<[string, number[]]>([
    ['fewer', [1]],
    ['more', [3]],
    ['so many that their product runs over', [2 ** 32, 2 ** 32]],
    ['negative', [-2]],
    ['none and very many', [0, 2 ** 53 - 1]],
  ])('dimensions that say %s elements than the data have', (_, dims) => {
    const model = {
      ...plain([node()]),
      initializers: [{ ...indices, datatype: 'FP32', dims, data: new Uint8Array(8) }],
    }
    expect(refusal(write(model as OnnxModel))).toMatch(/data of tensor 'i' are not as long as its dimensions say/)
  })

  it('packed dimensions count as the others do', () => {
    const tensor = (rows: number): Uint8Array =>
      new ProtobufWriter().packedInt64(1, [rows, 300]).uint64(2, 22).bytes(9, new Uint8Array(301)).finish()
    const file = (rows: number): Uint8Array =>
      new ProtobufWriter().message(7, (message) => message.bytes(5, tensor(rows))).finish()
    expect(refusal(write(file(2)))).toMatch(/not as long/)
    const even = new ProtobufWriter().packedInt64(1, [2, 301]).uint64(2, 22).bytes(9, new Uint8Array(301)).finish()
    expect(refusal(write(new ProtobufWriter().message(7, (message) => message.bytes(5, even)).finish()))).toBe('')
  })
})

describe('hostile files cost bounded memory and time', () => {
  it('weights are skipped, whatever their size', () => {
    const directory = folder()
    const hole = 6 * 2 ** 30
    const tensor = new ProtobufWriter().uint64(1, hole).uint64(2, 2).finish()
    // A tensor whose raw data are a hole of six gigabytes at the end of the file.
    const rawTag = new ProtobufWriter().uint64(9, hole).finish()
    rawTag[0] = 9 * 8 + 2
    const tensorBytes = tensor.length + rawTag.length + hole
    const tensorTag = new ProtobufWriter().uint64(5, tensorBytes).finish()
    tensorTag[0] = 5 * 8 + 2
    const graphTag = new ProtobufWriter().uint64(7, tensorTag.length + tensorBytes).finish()
    graphTag[0] = 7 * 8 + 2
    const head = Buffer.concat([graphTag, tensorTag, tensor, rawTag])
    const path = write(head, directory)
    truncateSync(path, head.length + hole)
    const before = liveBytes()
    expect(refusal(path, { bytesMax: 2 ** 40 })).toBe('')
    // What the check itself took is not collected yet.
    const { arrayBuffers, heapUsed } = process.memoryUsage()
    expect(arrayBuffers + heapUsed - before).toBeLessThan(64 * 2 ** 20)
    truncateSync(path, head.length + hole - 1)
    expect(refusal(path, { bytesMax: 2 ** 40 })).toMatch(/runs beyond its message/)
  })

  it('names without end', () => {
    const writer = new ProtobufWriter(2 ** 24)
    const name = 'n'.repeat(200)
    for (let index = 0; index < 200_000; index++) writer.message(5, (tensor) => tensor.string(8, name + index))
    const file = new ProtobufWriter().bytes(7, writer.finish()).finish()
    expect(refusal(write(file))).toMatch(/more names and types than any model has/)
  })

  it('a domain or operator with a name of a megabyte', () => {
    expect(refusal(write(plain([{ ...node(), op: 'x'.repeat(2 ** 20) }])))).toMatch(/a text of 1048576 bytes/)
  })

  it('a damaged copy is refused or harmless, never anything else', () => {
    const whole = buildOnnx({ ...mlpModel({ hidden: 4 }), metadata: { key: 'value' } })
    const path = write(whole)
    for (let at = 0; at < whole.length; at += 41) {
      for (const mask of [0xff, 0x80, 0x01]) {
        const copy = whole.slice()
        copy[at] = (copy[at] ?? 0) ^ mask
        writeFileSync(path, copy)
        refusal(path)
      }
    }
    writeFileSync(path, whole)
    expect(refusal(path)).toBe('')
  })
})
