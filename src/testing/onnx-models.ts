import type { DataType } from '../tensor/index.ts'
import type { OnnxModel } from './onnx-builder.ts'
import { seededRandom } from './seeded-random.ts'

const floats = (count: number, seed: number): Uint8Array => {
  const random = seededRandom(seed)
  return new Uint8Array(Float32Array.from({ length: count }, () => (random.next() - 0.5) * 0.2).buffer)
}

const weights = (
  name: string,
  dims: readonly number[],
  seed: number,
): { name: string; datatype: 'FP32'; dims: readonly number[]; data: Uint8Array } => ({
  name,
  datatype: 'FP32',
  dims,
  data: floats(
    dims.reduce((product, dimension) => product * dimension, 1),
    seed,
  ),
})

/** Answers its input. */
export const identityModel = (datatype: DataType, shape: readonly number[] = [-1, -1]): OnnxModel => ({
  inputs: [{ name: 'x', datatype, shape }],
  outputs: [{ name: 'y', datatype, shape }],
  nodes: [{ op: 'Identity', inputs: ['x'], outputs: ['y'] }],
})

/** Sum and difference of two INT32 [rows, 16], as Triton's sample model `simple`. */
export const simpleModel = (): OnnxModel => ({
  inputs: ['INPUT0', 'INPUT1'].map((name) => ({ name, datatype: 'INT32', shape: ['batch', 16] })),
  outputs: ['OUTPUT0', 'OUTPUT1'].map((name) => ({ name, datatype: 'INT32', shape: ['batch', 16] })),
  nodes: [
    { op: 'Add', inputs: ['INPUT0', 'INPUT1'], outputs: ['OUTPUT0'] },
    { op: 'Sub', inputs: ['INPUT0', 'INPUT1'], outputs: ['OUTPUT1'] },
  ],
})

/** A perceptron of two layers, FP32 [rows, inputs] to [rows, outputs]. */
export const mlpModel = ({ inputs = 64, hidden = 32, outputs = 10 } = {}): OnnxModel => ({
  inputs: [{ name: 'input', datatype: 'FP32', shape: ['batch', inputs] }],
  outputs: [{ name: 'output', datatype: 'FP32', shape: ['batch', outputs] }],
  nodes: [
    { op: 'MatMul', inputs: ['input', 'w1'], outputs: ['h1'] },
    { op: 'Relu', inputs: ['h1'], outputs: ['h2'] },
    { op: 'MatMul', inputs: ['h2', 'w2'], outputs: ['output'] },
  ],
  initializers: [weights('w1', [inputs, hidden], 1), weights('w2', [hidden, outputs], 2)],
})

/**
 * FP32 [rows, 64] to [rows, 10] with a cost that hardly depends on the rows: two matrices of size² are multiplied
 * `rounds` times, scaled by a value of the input so that nothing can be computed ahead.
 */
export const fixedCostModel = ({ size = 512, rounds = 4 } = {}): OnnxModel => {
  const chain = Array.from({ length: rounds }, (_, round) => ({
    op: 'MatMul',
    inputs: [`m${round}`, 'big'],
    outputs: [`m${round + 1}`],
  }))
  return {
    inputs: [{ name: 'input', datatype: 'FP32', shape: ['batch', 64] }],
    outputs: [{ name: 'output', datatype: 'FP32', shape: ['batch', 10] }],
    nodes: [
      { op: 'ReduceMean', inputs: ['input'], outputs: ['scale'], attributes: { keepdims: 0 } },
      { op: 'Mul', inputs: ['big', 'scale'], outputs: ['m0'] },
      ...chain,
      { op: 'ReduceMean', inputs: [`m${rounds}`], outputs: ['extra'], attributes: { keepdims: 0 } },
      { op: 'MatMul', inputs: ['input', 'w'], outputs: ['plain'] },
      { op: 'Add', inputs: ['plain', 'extra'], outputs: ['output'] },
    ],
    initializers: [weights('big', [size, size], 3), weights('w', [64, 10], 4)],
  }
}

/** FP32 image [rows, 3, 224, 224] to [rows, 1000]: the mean of each channel, then a layer; the transport costs more than the model. */
export const imageModel = (): OnnxModel => ({
  inputs: [{ name: 'image', datatype: 'FP32', shape: ['batch', 3, 224, 224] }],
  outputs: [{ name: 'scores', datatype: 'FP32', shape: ['batch', 1000] }],
  nodes: [
    { op: 'ReduceMean', inputs: ['image'], outputs: ['means'], attributes: { axes: [2, 3], keepdims: 0 } },
    { op: 'MatMul', inputs: ['means', 'w'], outputs: ['scores'] },
  ],
  initializers: [weights('w', [3, 1000], 5)],
})

/** A model whose file holds this many bytes of weights. */
export const largeModel = (bytes: number): OnnxModel => {
  const columns = Math.ceil(bytes / 4 / 64)
  return {
    inputs: [{ name: 'input', datatype: 'FP32', shape: ['batch', 64] }],
    outputs: [{ name: 'output', datatype: 'FP32', shape: ['batch'] }],
    nodes: [
      { op: 'MatMul', inputs: ['input', 'w'], outputs: ['wide'] },
      { op: 'ReduceMean', inputs: ['wide'], outputs: ['output'], attributes: { axes: [1], keepdims: 0 } },
    ],
    initializers: [
      { name: 'w', datatype: 'FP32', dims: [64, columns], data: new Uint8Array(64 * columns * 4).fill(60) },
    ],
  }
}

/** Scores of three classes behind a ZipMap, as converters of scikit-learn make them. */
export const zipMapModel = (keys: 'int64' | 'string'): OnnxModel => ({
  inputs: [{ name: 'input', datatype: 'FP32', shape: ['batch', 3] }],
  outputs: [{ name: 'output_probability', datatype: 'FP32', shape: [], zipMap: keys }],
  nodes: [
    { op: 'Softmax', inputs: ['input'], outputs: ['scores'], attributes: { axis: 1 } },
    {
      op: 'ZipMap',
      domain: 'ai.onnx.ml',
      inputs: ['scores'],
      outputs: ['output_probability'],
      attributes:
        keys === 'int64' ? { classlabels_int64s: [10, 20, 30] } : { classlabels_strings: ['low', 'middle', 'high'] },
    },
  ],
})

/** Asks for far more memory than any machine has when it runs, from a file of a few hundred bytes. */
export const allocationBombModel = (): OnnxModel => ({
  inputs: [{ name: 'shape', datatype: 'INT64', shape: [2] }],
  outputs: [{ name: 'output', datatype: 'FP32', shape: [-1, -1] }],
  nodes: [{ op: 'Expand', inputs: ['one', 'shape'], outputs: ['output'] }],
  initializers: [{ name: 'one', datatype: 'FP32', dims: [1, 1], data: new Uint8Array(Float32Array.of(1).buffer) }],
})
