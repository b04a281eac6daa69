import { describe, expect, it } from 'vitest'
import { decodeStrings } from '../../tensor/index.ts'
import type { Tensor } from '../../tensor/index.ts'
import { classify } from './classify.ts'

const bytesOf = (values: ArrayBufferView): Uint8Array =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
const floats = (shape: number[], values: number[]): Tensor => ({
  name: 'y',
  datatype: 'FP32',
  shape,
  data: bytesOf(new Float32Array(values)),
})
const classes = (output: Tensor, k: number, labels: readonly string[] = []): string[] =>
  decodeStrings(classify(output, k, labels))

describe('classification', () => {
  it('answers the highest values of each row, highest first, with their labels', () => {
    const output = floats([2, 3], [0.1, 0.7, 0.2, 3, 2, 1])
    const answer = classify(output, 2, ['cat', 'dog'])
    expect(answer).toMatchObject({ name: 'y', datatype: 'BYTES', shape: [2, 2] })
    expect(decodeStrings(answer)).toEqual(['0.700000:1:dog', '0.200000:2', '3.000000:0:cat', '2.000000:1:dog'])
  })

  it('answers all classes when there are fewer than asked for', () => {
    expect(classify(floats([3], [1, 2, 3]), 2 ** 40, []).shape).toEqual([3])
    expect(classify(floats([0, 3], []), 5, [])).toMatchObject({ shape: [0, 0], data: new Uint8Array() })
  })

  it('keeps the order of equal values, and NaN comes last', () => {
    expect(classes(floats([4], [1, Number.NaN, 3, 1]), 4)).toEqual(['3.000000:2', '1.000000:0', '1.000000:3', 'NaN:1'])
    expect(classes(floats([2], [-Infinity, Infinity]), 2)).toEqual(['Infinity:1', '-Infinity:0'])
  })

  it('finds the highest among many, whatever their order', () => {
    const values = Array.from({ length: 1000 }, (_, index) => (index * 7919) % 1000)
    expect(classes(floats([1000], values), 3)).toEqual(
      [999, 998, 997].map((value) => `${value}.000000:${values.indexOf(value)}`),
    )
    expect(classes(floats([5], [1, 2, Number.NaN, 2, 2]), 2)).toEqual(['2.000000:1', '2.000000:3'])
    expect(classes(floats([3], [Number.NaN, 2, Number.NaN]), 2)).toEqual(['2.000000:1', 'NaN:0'])
  })

  it('has no work with any number of rows that hold nothing', () => {
    expect(classify(floats([2 ** 50, 0], []), 5, [])).toMatchObject({ shape: [2 ** 50, 0], data: new Uint8Array() })
  })

  it('refuses to answer with more classes than the main thread should write', () => {
    const output = floats(
      [1_000_001],
      Array.from({ length: 1_000_001 }, () => 1),
    )
    expect(classes(output, 1)).toEqual(['1.000000:0'])
    expect(() => classify(output, 2 ** 40, [])).toThrow("output 'y' has 1000001 classes to answer with")
  })

  it('compares and prints every digit of 64-bit numbers', () => {
    const values = new BigInt64Array([2n ** 53n, 2n ** 53n + 1n, -1n])
    const output: Tensor = { name: 'y', datatype: 'INT64', shape: [3], data: bytesOf(values) }
    expect(classes(output, 2)).toEqual(['9007199254740993:1', '9007199254740992:0'])
  })

  it('refuses types that have no order or no exact print', () => {
    for (const datatype of ['BYTES', 'BOOL', 'FP16', 'BF16'] as const)
      expect(() => classify({ name: 'y', datatype, shape: [0], data: new Uint8Array() }, 1, [])).toThrow(
        `type ${datatype} can't be classified`,
      )
  })
})
