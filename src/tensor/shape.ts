import { datatypeBytes } from './datatype.ts'
import { TensorError } from './tensor-error.ts'
import type { Tensor } from './tensor.ts'

/** No runtime that models run on has more dimensions. */
const rankMax = 32

/** The product of the dimensions. Throws for a dimension that isn't a whole number from 0, and for a product no memory could hold. */
export const elementCount = (shape: readonly number[], name: string): number => {
  if (shape.length > rankMax)
    throw new TensorError(name, `the shape has ${shape.length} dimensions; the limit is ${rankMax}`)
  let count = 1
  for (const dimension of shape) {
    if (!Number.isSafeInteger(dimension) || dimension < 0) {
      throw new TensorError(name, `the shape [${shape.join(',')}] has a dimension that is not a whole number from 0`)
    }
    count *= dimension
    if (count > Number.MAX_SAFE_INTEGER)
      throw new TensorError(name, `the shape [${shape.join(',')}] has too many elements`)
  }
  return count
}

/** Bytes of the data of a tensor; throws for BYTES, whose size the shape doesn't tell, and for what no memory could hold. */
export const byteSize = ({ name, datatype, shape }: Pick<Tensor, 'name' | 'datatype' | 'shape'>): number => {
  if (datatype === 'BYTES') throw new TensorError(name, 'the size of BYTES depends on their values')
  const size = elementCount(shape, name) * datatypeBytes[datatype]
  if (size > Number.MAX_SAFE_INTEGER) throw new TensorError(name, `the shape [${shape.join(',')}] has too many bytes`)
  return size
}

/** Checks that the data are exactly what shape and datatype say; costs no memory. */
export const checkTensor = (tensor: Tensor): void => {
  const { name, datatype, shape, data } = tensor
  if (datatype === 'BYTES') {
    checkBytes(tensor, elementCount(shape, name))
    return
  }
  const expected = byteSize(tensor)
  if (data.length !== expected) {
    throw new TensorError(name, `shape [${shape.join(',')}] of ${datatype} takes ${expected} bytes, got ${data.length}`)
  }
}

const checkBytes = ({ name, shape, data }: Tensor, count: number): void => {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
  let at = 0
  let elements = 0
  while (at < data.length) {
    if (data.length - at < 4) throw new TensorError(name, `element ${elements} ends inside its length`)
    const length = view.getUint32(at, true)
    if (length > data.length - at - 4) {
      throw new TensorError(name, `element ${elements} claims ${length} bytes, ${data.length - at - 4} are left`)
    }
    at += 4 + length
    elements += 1
  }
  if (elements !== count)
    throw new TensorError(name, `shape [${shape.join(',')}] takes ${count} elements, got ${elements}`)
}
