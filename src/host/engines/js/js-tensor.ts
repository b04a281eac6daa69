import {
  decodeJsonTensor,
  decodeStrings,
  encodeBytes,
  TensorError,
  tensorFromTypedArray,
  toTypedArray,
} from '../../../tensor/index.ts'
import type { DataType, JsonValue, Tensor, TensorSpec, TypedArray } from '../../../tensor/index.ts'
import { EngineError } from '../../engine.ts'

/** A tensor as model modules see and return it: flat values in row-major order. BYTES are strings, or bytes when they aren't UTF-8. */
export interface JsTensor {
  readonly datatype: DataType
  readonly shape: readonly number[]
  readonly data: TypedArray | readonly (number | bigint | boolean | string | Uint8Array)[]
}

export const toJs = (tensor: Tensor): JsTensor => {
  const { datatype, shape } = tensor
  if (datatype !== 'BYTES') return { datatype, shape, data: toTypedArray(tensor) }
  try {
    return { datatype, shape, data: decodeStrings(tensor) }
  } catch (error) {
    if (error instanceof TensorError) throw new EngineError('input', error.message, error)
    throw error
  }
}

/** Reads what predict returned for one declared output; `rows` fills an open first dimension. */
export const fromJs = (spec: TensorSpec, value: JsTensor | JsTensor['data'] | undefined, rows: number): Tensor => {
  if (value === undefined || value === null) throw new EngineError('model', `predict returned no output '${spec.name}'`)
  const tensor = 'data' in value ? value : { datatype: spec.datatype, shape: undefined, data: value }
  if (!ArrayBuffer.isView(tensor.data) && !Array.isArray(tensor.data)) {
    throw new EngineError('model', `output '${spec.name}' must be an array, a typed array or { shape, data }`)
  }
  const shape = tensor.shape ?? openShape(spec, tensor.data.length, rows)
  try {
    return encode(spec, shape, tensor.data)
  } catch (error) {
    if (error instanceof TensorError)
      throw new EngineError('model', `predict returned a wrong output: ${error.message}`, error)
    throw error
  }
}

/** The declared shape with its open dimensions filled: the first by the rows, one other by the number of values. */
const openShape = (spec: TensorSpec, count: number, rows: number): number[] => {
  const shape = spec.shape.map((dimension, index) => (index === 0 && dimension < 0 ? rows : dimension))
  const open = shape.indexOf(-1)
  if (open >= 0) {
    const known = shape.reduce((product, dimension) => (dimension < 0 ? product : product * dimension), 1)
    shape[open] = known === 0 ? 0 : Math.floor(count / known)
  }
  return shape
}

const encode = (spec: TensorSpec, shape: readonly number[], data: JsTensor['data']): Tensor => {
  const { name, datatype } = spec
  if (ArrayBuffer.isView(data)) return tensorFromTypedArray(name, datatype, shape, data as TypedArray)
  if (datatype === 'BYTES' && data.some((element) => element instanceof Uint8Array)) {
    const elements = data.map((element) =>
      element instanceof Uint8Array ? element : new TextEncoder().encode(String(element)),
    )
    return { name, datatype, shape, data: encodeBytes(elements) }
  }
  return decodeJsonTensor({ name, datatype, shape, data: data as JsonValue[] })
}
