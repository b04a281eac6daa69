import type { DataType } from '../tensor/index.ts'
import type { OnnxGraph, OnnxInitializer, OnnxModel } from './onnx-builder.ts'
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

/**
 * FP32 image [rows, channels, 8, 8] to [rows, channels]: convolutions, each with a normalisation, which optimising makes
 * one operator in a layout of its own.
 */
export const convolutionModel = ({ layers = 8, channels = 256, seed = 11 } = {}): OnnxModel => {
  const { data } = weights('', [channels, channels, 3, 3], seed)
  const ones = new Uint8Array(new Float32Array(channels).fill(1).buffer)
  const chain = Array.from({ length: layers }, (_, at): Required<Pick<OnnxModel, 'nodes' | 'initializers'>> => {
    const [kernel, whole, normal] = [`kernel${at}`, `whole${at}`, `normal${at}`]
    const factors = ['scale', 'shift', 'mean', 'variance'].map((name) => `${name}${at}`)
    return {
      nodes: [
        { op: 'Conv', inputs: [`out${at}`, kernel], outputs: [whole], attributes: { pads: [1, 1, 1, 1] } },
        { op: 'BatchNormalization', inputs: [whole, ...factors], outputs: [normal] },
        { op: 'Relu', inputs: [normal], outputs: [`out${at + 1}`] },
      ],
      initializers: [
        { name: kernel, datatype: 'FP32', dims: [channels, channels, 3, 3], data },
        ...factors.map((name) => ({ name, datatype: 'FP32' as const, dims: [channels], data: ones })),
      ],
    }
  })
  return {
    inputs: [{ name: 'out0', datatype: 'FP32', shape: ['batch', channels, 8, 8] }],
    outputs: [{ name: 'means', datatype: 'FP32', shape: ['batch', channels] }],
    nodes: [
      ...chain.flatMap(({ nodes }) => nodes),
      { op: 'GlobalAveragePool', inputs: [`out${layers}`], outputs: ['pooled'] },
      { op: 'Flatten', inputs: ['pooled'], outputs: ['means'] },
    ],
    initializers: chain.flatMap(({ initializers }) => initializers),
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

/** The scores of a classifier as its label, a text, and the score of the best class; strings leave the model. */
export const labelModel = (labels: readonly string[] = ['low', 'middle', 'high']): OnnxModel => ({
  inputs: [{ name: 'input', datatype: 'FP32', shape: ['batch', labels.length] }],
  outputs: [
    { name: 'label', datatype: 'BYTES', shape: ['batch'] },
    { name: 'score', datatype: 'FP32', shape: ['batch'] },
  ],
  nodes: [
    { op: 'ArgMax', inputs: ['input'], outputs: ['best'], attributes: { axis: 1, keepdims: 0 } },
    {
      op: 'LabelEncoder',
      domain: 'ai.onnx.ml',
      inputs: ['best'],
      outputs: ['label'],
      attributes: { keys_int64s: labels.map((_, index) => index), values_strings: labels },
    },
    { op: 'ReduceMax', inputs: ['input'], outputs: ['score'], attributes: { axes: [1], keepdims: 0 } },
  ],
})

/** Open dimensions everywhere: left [rows, inner] by right [inner, columns], and where the product isn't zero: [2, a size that only the data tell]. */
export const dynamicShapesModel = (): OnnxModel => ({
  inputs: [
    { name: 'left', datatype: 'FP32', shape: ['rows', 'inner'] },
    { name: 'right', datatype: 'FP32', shape: ['inner', 'columns'] },
  ],
  outputs: [
    { name: 'product', datatype: 'FP32', shape: ['rows', 'columns'] },
    { name: 'places', datatype: 'INT64', shape: [2, -1] },
  ],
  nodes: [
    { op: 'MatMul', inputs: ['left', 'right'], outputs: ['product'] },
    { op: 'NonZero', inputs: ['product'], outputs: ['places'] },
  ],
})

const scalar = (name: string, datatype: 'BOOL' | 'FP32', data: Uint8Array): OnnxInitializer => ({
  name,
  datatype,
  dims: [],
  data,
})

/**
 * Runs as long as its input says: so many products of two matrices of size², one after the other; the answer is the
 * number of rounds done. A round takes about 2·size³ operations, by default a tenth of a millisecond to some.
 */
export const slowModel = ({ size = 128 } = {}): OnnxModel => ({
  inputs: [{ name: 'rounds', datatype: 'INT64', shape: [1] }],
  outputs: [{ name: 'done', datatype: 'INT64', shape: [1] }],
  nodes: [
    { op: 'Squeeze', inputs: ['rounds'], outputs: ['count'] },
    { op: 'Cast', inputs: ['count'], outputs: ['scale'], attributes: { to: 1 } },
    { op: 'Mul', inputs: ['big', 'scale'], outputs: ['start'] },
    {
      op: 'Loop',
      inputs: ['count', 'true', 'start'],
      outputs: ['last', 'marks'],
      attributes: { body: { graph: loopBody(size) } },
    },
    // Why: an answer that doesn't depend on the products would let the runtime leave them out.
    { op: 'Shape', inputs: ['marks'], outputs: ['done'] },
  ],
  initializers: [weights('big', [size, size], 6), scalar('true', 'BOOL', Uint8Array.of(1))],
})

const loopBody = (size: number): OnnxGraph => ({
  inputs: [
    { name: 'round', datatype: 'INT64', shape: [] },
    { name: 'more', datatype: 'BOOL', shape: [] },
    { name: 'matrix', datatype: 'FP32', shape: [size, size] },
  ],
  outputs: [
    { name: 'still', datatype: 'BOOL', shape: [] },
    { name: 'next', datatype: 'FP32', shape: [size, size] },
    { name: 'mark', datatype: 'FP32', shape: [] },
  ],
  nodes: [
    { op: 'Identity', inputs: ['more'], outputs: ['still'] },
    { op: 'MatMul', inputs: ['matrix', 'big'], outputs: ['product'] },
    { op: 'Clip', inputs: ['product', 'least', 'most'], outputs: ['next'] },
    { op: 'ReduceMean', inputs: ['next'], outputs: ['mark'], attributes: { keepdims: 0 } },
  ],
  initializers: [
    scalar('least', 'FP32', new Uint8Array(Float32Array.of(-1).buffer)),
    scalar('most', 'FP32', new Uint8Array(Float32Array.of(1).buffer)),
  ],
})
