import type { DataType } from './datatype.ts'
import { datatypeBytes } from './datatype.ts'
import { elementCount } from './shape.ts'
import { TensorError } from './tensor-error.ts'
import type { Tensor } from './tensor.ts'

export type TypedArray =
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Float32Array
  | Float64Array

type ArrayMaker = new (buffer: ArrayBufferLike, byteOffset: number, length: number) => TypedArray

const arrays: Readonly<Record<Exclude<DataType, 'BYTES'>, ArrayMaker>> = {
  BOOL: Uint8Array,
  UINT8: Uint8Array,
  UINT16: Uint16Array,
  UINT32: Uint32Array,
  UINT64: BigUint64Array,
  INT8: Int8Array,
  INT16: Int16Array,
  INT32: Int32Array,
  INT64: BigInt64Array,
  FP16: Uint16Array,
  BF16: Uint16Array,
  FP32: Float32Array,
  FP64: Float64Array,
}

/** The values as a typed array: a view where the bytes are aligned for it, a copy otherwise. FP16 and BF16 come as their bits. Not for BYTES. */
export const toTypedArray = (tensor: Tensor): TypedArray => {
  const { datatype, data, name } = tensor
  if (datatype === 'BYTES') throw new TensorError(name, 'BYTES have no typed array')
  const bytes = datatypeBytes[datatype]
  if (data.length % bytes !== 0) throw new TensorError(name, `${data.length} bytes are not whole ${datatype} values`)
  const aligned = data.byteOffset % bytes === 0 ? data : new Uint8Array(data)
  return new arrays[datatype](aligned.buffer, aligned.byteOffset, aligned.length / bytes)
}

/** A tensor over the bytes of a typed array, not copied. Throws when type, length and shape disagree. */
export const tensorFromTypedArray = (
  name: string,
  datatype: DataType,
  shape: readonly number[],
  array: TypedArray,
): Tensor => {
  if (datatype === 'BYTES') throw new TensorError(name, 'BYTES have no typed array')
  const right = array instanceof arrays[datatype] || (datatype === 'FP16' && array.constructor.name === 'Float16Array')
  if (!right) throw new TensorError(name, `${array.constructor.name} can't hold ${datatype}`)
  const count = elementCount(shape, name)
  if (count !== array.length) {
    throw new TensorError(name, `shape [${shape.join(',')}] takes ${count} values, got ${array.length}`)
  }
  return { name, datatype, shape, data: new Uint8Array(array.buffer, array.byteOffset, array.byteLength) }
}
