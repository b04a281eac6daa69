import { ProtobufReader, wireTypes } from '../../lib/index.ts'
import { datatypeBytes, elementCount, TensorError } from '../../tensor/index.ts'
import type { DataType } from '../../tensor/index.ts'

interface ContentsOf {
  readonly name: string
  readonly datatype: DataType
  readonly shape: readonly number[]
}

/** Field of InferTensorContents by type; FP16 and BF16 have none. */
const contentsField: Readonly<Record<DataType, number>> = {
  BOOL: 1,
  INT8: 2,
  INT16: 2,
  INT32: 2,
  INT64: 3,
  UINT8: 4,
  UINT16: 4,
  UINT32: 4,
  UINT64: 5,
  FP32: 6,
  FP64: 7,
  BYTES: 8,
  FP16: 0,
  BF16: 0,
}

/** Encodes explicit contents (InferTensorContents) as canonical tensor data; memory is taken as values arrive, never by the shape alone. */
export const readContents = (message: Uint8Array, tensor: ContentsOf): Uint8Array => {
  const { name, datatype, shape } = tensor
  const count = elementCount(shape, name)
  const field = contentsField[datatype]
  if (field === 0) throw new TensorError(name, `${datatype} has no contents field; send raw_input_contents`)
  // A value takes at least a byte of the message.
  if (count > message.length)
    throw new TensorError(name, `shape [${shape.join(',')}] takes ${count} values, the contents have fewer`)
  if (datatype === 'BYTES') return readBytesContents(message, tensor, count)
  const data = new Uint8Array(count * datatypeBytes[datatype])
  const put = setters[datatype](new DataView(data.buffer), name)
  let filled = 0
  const reader = new ProtobufReader(message)
  while (reader.next()) {
    if (reader.field !== field) {
      throw new TensorError(name, `contents of field ${reader.field} don't go with ${datatype}`)
    }
    const packed = reader.wireType === wireTypes.bytes
    const values = packed ? reader.message() : reader
    do {
      if (packed && !values.more) break
      if (filled >= count)
        throw new TensorError(name, `the contents have more values than the shape [${shape.join(',')}]`)
      put(filled++, values)
    } while (packed)
  }
  if (filled !== count) throw new TensorError(name, `shape [${shape.join(',')}] takes ${count} values, got ${filled}`)
  return data
}

/** Twice over the message, first for the sizes: a view of each of millions of elements would take more than they do. */
const readBytesContents = (message: Uint8Array, { name, shape }: ContentsOf, count: number): Uint8Array => {
  let elements = 0
  let size = 0
  forEachElement(message, name, (_, length) => {
    elements += 1
    size += 4 + length
  })
  if (elements !== count)
    throw new TensorError(name, `shape [${shape.join(',')}] takes ${count} values, got ${elements}`)
  const data = new Uint8Array(size)
  const view = new DataView(data.buffer)
  let at = 0
  forEachElement(message, name, (start, length) => {
    view.setUint32(at, length, true)
    at += 4
    if (length > shortBytesMax) data.set(message.subarray(start, start + length), at)
    else for (let index = 0; index < length; index++) data[at + index] = message[start + index] ?? 0
    at += length
  })
  return data
}

/** Below this, copying byte by byte costs less than the view that copying at once needs. */
const shortBytesMax = 32

const forEachElement = (message: Uint8Array, name: string, take: (start: number, length: number) => void): void => {
  const reader = new ProtobufReader(message)
  while (reader.next()) {
    if (reader.field !== contentsField.BYTES)
      throw new TensorError(name, `contents of field ${reader.field} don't go with BYTES`)
    const length = reader.bytesLength()
    take(reader.position - length, length)
  }
}

type Put = (index: number, reader: ProtobufReader) => void

const ranged = (value: number, name: string, { min, max }: { readonly min: number; readonly max: number }): number => {
  if (value < min || value > max) throw new TensorError(name, `${value} is not between ${min} and ${max}`)
  return value
}

const setters: Readonly<Record<Exclude<DataType, 'BYTES'>, (view: DataView, name: string) => Put>> = {
  BOOL: (view) => (index, reader) => view.setUint8(index, reader.bool() ? 1 : 0),
  INT8: (view, name) => (index, reader) => view.setInt8(index, ranged(reader.int32(), name, { min: -128, max: 127 })),
  INT16: (view, name) => (index, reader) =>
    view.setInt16(index * 2, ranged(reader.int32(), name, { min: -32768, max: 32767 }), true),
  INT32: (view) => (index, reader) => view.setInt32(index * 4, reader.int32(), true),
  INT64: (view) => (index, reader) => view.setBigInt64(index * 8, reader.int64(), true),
  UINT8: (view, name) => (index, reader) => view.setUint8(index, ranged(reader.uint32(), name, { min: 0, max: 255 })),
  UINT16: (view, name) => (index, reader) =>
    view.setUint16(index * 2, ranged(reader.uint32(), name, { min: 0, max: 65535 }), true),
  UINT32: (view) => (index, reader) => view.setUint32(index * 4, reader.uint32(), true),
  UINT64: (view) => (index, reader) => view.setBigUint64(index * 8, reader.uint64(), true),
  FP32: (view) => (index, reader) => view.setFloat32(index * 4, reader.float(), true),
  FP64: (view) => (index, reader) => view.setFloat64(index * 8, reader.double(), true),
  FP16: () => () => {},
  BF16: () => () => {},
}
