import { datatypeBytes } from './datatype.ts'
import { elementCount } from './shape.ts'
import { TensorError } from './tensor-error.ts'
import type { Tensor } from './tensor.ts'

/** The first dimension. Throws for a scalar, which has no rows. */
export const rowCount = ({ name, shape }: Tensor): number => {
  const [rows] = shape
  if (rows === undefined) throw new TensorError(name, 'a scalar has no rows')
  return rows
}

/** Joins tensors of the same type and row shape along their first dimension. Throws TensorError for others. */
export const joinRows = (parts: readonly Tensor[]): Tensor => {
  const [first] = parts
  if (first === undefined) throw new TensorError('', 'nothing to join')
  const rowShape = first.shape.slice(1)
  let rows = 0
  let bytes = 0
  for (const part of parts) {
    if (part.datatype !== first.datatype || part.shape.slice(1).join() !== rowShape.join()) {
      throw new TensorError(
        part.name,
        `rows of ${part.datatype} [${part.shape.join(',')}] can't join [${first.shape.join(',')}]`,
      )
    }
    rows += rowCount(part)
    bytes += part.data.length
  }
  const data = new Uint8Array(bytes)
  let at = 0
  for (const part of parts) {
    data.set(part.data, at)
    at += part.data.length
  }
  return { name: first.name, datatype: first.datatype, shape: [rows, ...rowShape], data }
}

/**
 * Divides a tensor along its first dimension into views of the given numbers of rows. Throws TensorError when the
 * numbers don't add up to the tensor's rows, or its data are not what its shape says.
 */
export const splitRows = (tensor: Tensor, counts: readonly number[]): Tensor[] => {
  const { name, datatype, shape, data } = tensor
  const rows = rowCount(tensor)
  let asked = 0
  for (const count of counts) {
    if (!Number.isSafeInteger(count) || count < 0) throw new TensorError(name, `can't be divided into ${count} rows`)
    asked += count
  }
  if (asked !== rows) throw new TensorError(name, `has ${rows} rows, not ${asked}`)
  const rowShape = shape.slice(1)
  const perRow = elementCount(rowShape, name)
  const ends =
    datatype === 'BYTES' ? bytesEnds(tensor, counts, perRow) : fixedEnds(counts, perRow * datatypeBytes[datatype])
  if ((ends.at(-1) ?? 0) !== data.length) throw new TensorError(name, `${data.length} bytes don't hold ${rows} rows`)
  let start = 0
  return counts.map((count, index) => {
    const end = ends[index] ?? start
    const part = { name, datatype, shape: [count, ...rowShape], data: data.subarray(start, end) }
    start = end
    return part
  })
}

const fixedEnds = (counts: readonly number[], rowBytes: number): number[] => {
  let end = 0
  return counts.map((count) => (end += count * rowBytes))
}

const bytesEnds = ({ name, data }: Tensor, counts: readonly number[], perRow: number): number[] => {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
  let at = 0
  return counts.map((count) => {
    for (let left = count * perRow; left > 0; left--) {
      if (data.length - at < 4)
        throw new TensorError(name, `${data.length} bytes hold fewer elements than the shape says`)
      at += 4 + view.getUint32(at, true)
    }
    return at
  })
}
