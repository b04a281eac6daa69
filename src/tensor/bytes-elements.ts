import { TensorError } from './tensor-error.ts'
import type { Tensor } from './tensor.ts'

const utf8 = new TextEncoder()
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The elements of a BYTES tensor, as views. The tensor must have passed checkTensor. */
export const decodeBytes = (tensor: Tensor): Uint8Array[] => {
  const { data } = tensor
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
  const elements: Uint8Array[] = []
  for (let at = 0; at < data.length;) {
    const length = view.getUint32(at, true)
    elements.push(data.subarray(at + 4, at + 4 + length))
    at += 4 + length
  }
  return elements
}

/** Data of a BYTES tensor: each element behind its 4-byte little-endian length. */
export const encodeBytes = (elements: readonly Uint8Array[]): Uint8Array => {
  let size = 0
  for (const element of elements) size += 4 + element.length
  const data = new Uint8Array(size)
  const view = new DataView(data.buffer)
  let at = 0
  for (const element of elements) {
    view.setUint32(at, element.length, true)
    data.set(element, at + 4)
    at += 4 + element.length
  }
  return data
}

/** The elements as text. Throws TensorError for one that isn't UTF-8. */
export const decodeStrings = (tensor: Tensor): string[] =>
  decodeBytes(tensor).map((element, index) => {
    try {
      return strictUtf8.decode(element)
    } catch {
      throw new TensorError(tensor.name, `element ${index} is not valid UTF-8`)
    }
  })

export const encodeStrings = (strings: readonly string[]): Uint8Array =>
  encodeBytes(strings.map((text) => utf8.encode(text)))
