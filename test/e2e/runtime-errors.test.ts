import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildOnnx, dynamicShapesModel, eventually, mlpModel, startTestApp } from '../../src/testing/index.ts'
import type { OnnxModel, TestApp } from '../../src/testing/index.ts'

/** Reshapes [rows, columns] to [2, 3]. */
const reshapeModel: OnnxModel = {
  inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, -1] }],
  outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, -1] }],
  nodes: [{ op: 'Reshape', inputs: ['x', 'shape'], outputs: ['y'] }],
  initializers: [
    { name: 'shape', datatype: 'INT64', dims: [2], data: new Uint8Array(BigInt64Array.of(2n, 3n).buffer) },
  ],
}

const elementwise = (op: string): OnnxModel => ({
  inputs: [{ name: 'x', datatype: 'FP32', shape: [2, 3] }],
  outputs: [{ name: 'y', datatype: 'FP32', shape: [2, 3] }],
  nodes: [{ op, inputs: ['x'], outputs: ['y'] }],
})

/** Multiplies [2, 3] by an initialiser of these rows. */
const productModel = (rows: number): OnnxModel => ({
  inputs: [{ name: 'x', datatype: 'FP32', shape: [2, 3] }],
  outputs: [{ name: 'y', datatype: 'FP32', shape: [2, 2] }],
  nodes: [{ op: 'MatMul', inputs: ['x', 'w'], outputs: ['y'] }],
  initializers: [{ name: 'w', datatype: 'FP32', dims: [rows, 2], data: new Uint8Array(rows * 8) }],
})

/** Places in the source or on the disk, and tags, which say nothing to a caller. */
const clutter = /\/|\.(cc|h):\d|onnxruntime::|\[\w+Error\]|was false|Status Message/

describe('what the runtime says', () => {
  let app: TestApp
  let folder: string

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'slipway-runtime-errors-'))
    app = await startTestApp({
      models: {
        'shapes/1/model.onnx': buildOnnx(dynamicShapesModel()),
        'shapes/config.pbtxt': 'max_batch_size: 0',
        'reshape/1/model.onnx': buildOnnx(reshapeModel),
        'reshape/config.pbtxt': 'max_batch_size: 0',
      },
    })
  })
  afterAll(async () => {
    await app.stop()
    rmSync(folder, { recursive: true })
  })

  const tensor = (name: string, shape: readonly number[]): object => ({
    name,
    datatype: 'FP32',
    shape,
    data: Array.from({ length: shape.reduce((product, size) => product * size, 1) }, () => 1),
  })

  it.each([
    ['shapes', [tensor('left', [2, 3]), tensor('right', [4, 2])], 'MatMul: MatMul dimension mismatch'],
    [
      'reshape',
      [tensor('x', [2, 2])],
      'Reshape: The input tensor cannot be reshaped to the requested shape. Input shape:{2,2}, requested shape:{2,3}',
    ],
  ])('of a request that %s can not run names the operator and the shapes', async (model, inputs, told) => {
    const response = await app.post(`/v2/models/${model}/infer`, { inputs })
    expect(response.status).toBe(400)
    const { error } = (await response.json()) as { error: string }
    expect(error).toBe(`model '${model}' can't take this input: ONNX Runtime: ${told}`)
    expect(error).not.toMatch(/onnxruntime_src/)
  })

  it('in the log has no colours', async () => {
    const said = await eventually('the runtime has said it', () =>
      app.log.find(({ event, fields }) => event === 'host.output' && String(fields['text']).includes('Reshape node')),
    )
    expect(said.fields['text']).toMatch(/^\d{4}-.* \[E:onnxruntime/)
    expect(app.log.filter(({ fields }) => String(fields['text']).includes('\u001b'))).toEqual([])
  })

  const damaged = (): Uint8Array => {
    const bytes = buildOnnx(mlpModel())
    // A dimension of the first initialiser, 64, is another one.
    const at = Buffer.from(bytes).lastIndexOf(Uint8Array.of(0x08, 64, 0x08, 32))
    return at < 0 ? bytes.subarray(0, bytes.length >> 1) : bytes.with(at + 1, 63)
  }

  it.each<[string, Uint8Array, RegExp]>([
    ['an operator that there is not', buildOnnx(elementwise('NoSuchOp')), /No Op registered for NoSuchOp/],
    ['an initialiser of another shape', buildOnnx(productModel(4)), /MatMul: Incompatible dimensions for matrix/],
    ['a damaged initialiser', damaged(), /the data of tensor 'w1' are not as long|damaged/],
  ])('of a file with %s is told to who deploys it', async (_, bytes, told) => {
    writeFileSync(join(folder, 'model.onnx'), bytes)
    const response = await app.fetch('/api/slipway/v1/models/bad/versions?file=model.onnx', {
      method: 'POST',
      body: readFileSync(join(folder, 'model.onnx')),
    })
    expect(response.status).toBe(400)
    const { error } = (await response.json()) as { error: string }
    expect(error).toMatch(told)
    expect(error).toMatch(/^failed to load 'bad': /)
    expect(error).not.toMatch(clutter)
    expect(error).not.toContain('\u001b')
  })
})
