import { decodeStrings } from './bytes-elements.ts'
import { fromBfloatBits, fromHalfBits } from './float16.ts'
import type { Tensor } from './tensor.ts'
import { toTypedArray } from './typed-array.ts'

/**
 * The values of a tensor as a flat JSON list. NaN, Infinity and -Infinity are written as these words, as the model
 * servers of the field do; -0 keeps its sign. Throws TensorError for BYTES that aren't UTF-8.
 */
export const encodeJsonData = (tensor: Tensor): string => {
  switch (tensor.datatype) {
    case 'BYTES':
      return JSON.stringify(decodeStrings(tensor))
    case 'BOOL':
      return `[${Array.from(toTypedArray(tensor) as Uint8Array, (value) => (value === 0 ? 'false' : 'true')).join(',')}]`
    case 'FP16':
      return floats(Array.from(toTypedArray(tensor) as Uint16Array, fromHalfBits))
    case 'BF16':
      return floats(Array.from(toTypedArray(tensor) as Uint16Array, fromBfloatBits))
    case 'FP32':
    case 'FP64':
      return floats(toTypedArray(tensor) as Float32Array)
    default:
      return `[${toTypedArray(tensor).join(',')}]`
  }
}

const floats = (values: Float32Array | readonly number[]): string => {
  let text = '['
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? 0
    if (i > 0) text += ','
    text += value === 0 && 1 / value < 0 ? '-0.0' : value
  }
  return `${text}]`
}
