import { decodeStrings } from './bytes-elements.ts'
import { datatypeBytes } from './datatype.ts'
import { fromBfloatBits, fromHalfBits } from './float16.ts'
import type { Tensor } from './tensor.ts'
import { toTypedArray } from './typed-array.ts'

/**
 * The values of a tensor as a flat JSON list. NaN, Infinity and -Infinity are written as these words, as the model
 * servers of the field do; -0 keeps its sign. Throws TensorError for BYTES that aren't UTF-8.
 */
export const encodeJsonData = (tensor: Tensor): string => `[${encodeJsonElements(tensor).join(',')}]`

/** About as many bytes as it takes as JSON, known without writing it. */
export const jsonBytesAbout = ({ datatype, data }: Tensor): number => {
  const size = datatypeBytes[datatype]
  // Why: texts lie behind their lengths, which are about as long as their quotes and commas.
  if (size === 0) return data.length
  return (data.length / size) * (floats.has(datatype) || size === 8 ? 20 : 8)
}

const floats: ReadonlySet<string> = new Set(['FP16', 'BF16', 'FP32', 'FP64'])

/** The same, each value apart. */
export const encodeJsonElements = (tensor: Tensor): string[] => {
  switch (tensor.datatype) {
    case 'BYTES':
      return decodeStrings(tensor).map((text) => JSON.stringify(text))
    case 'BOOL':
      return Array.from(toTypedArray(tensor) as Uint8Array, (value) => (value === 0 ? 'false' : 'true'))
    case 'FP16':
      return Array.from(toTypedArray(tensor) as Uint16Array, (bits) => floatText(fromHalfBits(bits)))
    case 'BF16':
      return Array.from(toTypedArray(tensor) as Uint16Array, (bits) => floatText(fromBfloatBits(bits)))
    case 'FP32':
    case 'FP64':
      return Array.from(toTypedArray(tensor) as Float32Array, floatText)
    default:
      return Array.from(toTypedArray(tensor) as Int32Array, String)
  }
}

const floatText = (value: number): string => (value === 0 && 1 / value < 0 ? '-0.0' : String(value))
