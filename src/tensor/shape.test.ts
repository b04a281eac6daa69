import { describe, expect, it } from 'vitest'
import { byteSize, checkTensor, elementCount } from './shape.ts'
import { TensorError } from './tensor-error.ts'
import type { Tensor } from './tensor.ts'

const bytesTensor = (shape: number[], ...data: number[]): Tensor => ({
  name: 'x',
  datatype: 'BYTES',
  shape,
  data: Uint8Array.from(data),
})

describe('elementCount', () => {
  it('is the product of the dimensions, 1 for a scalar', () => {
    expect([elementCount([2, 3, 4], 'x'), elementCount([], 'x'), elementCount([5, 0], 'x')]).toEqual([24, 1, 0])
  })

  it.each([[-1], [1.5], [Number.NaN], [Infinity], [2 ** 53]])('refuses the dimension %s', (dimension) => {
    expect(() => elementCount([2, dimension], 'x')).toThrow(TensorError)
  })

  it('refuses a product no memory could hold, up to 32 dimensions', () => {
    expect(() => elementCount([2 ** 30, 2 ** 30], 'x')).toThrow(
      "tensor 'x': the shape [1073741824,1073741824] has too many",
    )
    expect(
      elementCount(
        Array.from({ length: 32 }, () => 1),
        'x',
      ),
    ).toBe(1)
    expect(() =>
      elementCount(
        Array.from({ length: 33 }, () => 1),
        'x',
      ),
    ).toThrow('33 dimensions; the limit is 32')
  })
})

describe('byteSize', () => {
  it('counts the bytes of fixed types', () => {
    expect(byteSize({ name: 'x', datatype: 'FP64', shape: [2, 3] })).toBe(48)
    expect(byteSize({ name: 'x', datatype: 'BOOL', shape: [] })).toBe(1)
  })

  it('refuses BYTES and sizes beyond what a number counts exactly', () => {
    expect(() => byteSize({ name: 'x', datatype: 'BYTES', shape: [1] })).toThrow(TensorError)
    expect(() => byteSize({ name: 'x', datatype: 'FP64', shape: [2 ** 52] })).toThrow('too many bytes')
  })
})

describe('checkTensor', () => {
  it('says how many bytes it expected', () => {
    const tensor: Tensor = { name: 'pixels', datatype: 'FP32', shape: [1, 2], data: new Uint8Array(7) }
    expect(() => checkTensor(tensor)).toThrow("tensor 'pixels': shape [1,2] of FP32 takes 8 bytes, got 7")
  })

  it('refuses BYTES that end inside a length or inside an element', () => {
    expect(() => checkTensor(bytesTensor([1], 1, 0, 0))).toThrow('element 0 ends inside its length')
    expect(() => checkTensor(bytesTensor([1], 2, 0, 0, 0, 7))).toThrow('element 0 claims 2 bytes, 1 are left')
    expect(() => checkTensor(bytesTensor([1], 255, 255, 255, 255))).toThrow('element 0 claims 4294967295 bytes')
  })

  it('refuses BYTES with more or fewer elements than the shape says', () => {
    expect(() => checkTensor(bytesTensor([2], 0, 0, 0, 0))).toThrow('takes 2 elements, got 1')
    expect(() => checkTensor(bytesTensor([0], 0, 0, 0, 0))).toThrow('takes 0 elements, got 1')
  })
})
