import { describe, expect, it } from 'vitest'
import { encodeBytes, encodeStrings } from './bytes-elements.ts'
import type { DataType } from './datatype.ts'
import { encodeJsonData } from './json-writer.ts'
import { TensorError } from './tensor-error.ts'
import { tensorFromTypedArray, type TypedArray } from './typed-array.ts'

const json = (datatype: DataType, array: TypedArray): string =>
  encodeJsonData(tensorFromTypedArray('x', datatype, [array.length], array))

const strings = (data: Uint8Array): string => encodeJsonData({ name: 'x', datatype: 'BYTES', shape: [1], data })

describe('encodeJsonData', () => {
  it('writes floats with the words of the field for what JSON has no number for', () => {
    expect(json('FP64', Float64Array.of(0.1, Number.NaN, -Infinity, Infinity, 1e300))).toBe(
      '[0.1,NaN,-Infinity,Infinity,1e+300]',
    )
    expect(json('FP16', Uint16Array.of(0x3c00, 0x7e00, 0xfc00))).toBe('[1,NaN,-Infinity]')
    expect(json('BF16', Uint16Array.of(0x3f80, 0x7fc0, 0x7f80))).toBe('[1,NaN,Infinity]')
  })

  it.each(['FP32', 'FP64'] as const)('keeps the sign of zero in %s', (datatype) => {
    const array = datatype === 'FP32' ? Float32Array.of(-0, 0) : Float64Array.of(-0, 0)
    const values = JSON.parse(json(datatype, array)) as number[]
    expect(values.map((value) => Object.is(value, -0))).toEqual([true, false])
  })

  it('writes every digit of whole numbers', () => {
    expect(json('INT64', BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n))).toBe(
      '[-9223372036854775808,9223372036854775807]',
    )
    expect(json('UINT64', BigUint64Array.of(2n ** 64n - 1n))).toBe('[18446744073709551615]')
    expect(json('INT8', Int8Array.of(-128, 127))).toBe('[-128,127]')
  })

  it('writes truth values and empty lists', () => {
    expect(json('BOOL', Uint8Array.of(0, 1))).toBe('[false,true]')
    for (const empty of ['FP32', 'INT64', 'BOOL'] as const) {
      expect(encodeJsonData({ name: 'x', datatype: empty, shape: [0], data: new Uint8Array(0) })).toBe('[]')
    }
  })

  it('writes BYTES as strings, and refuses what is not UTF-8', () => {
    expect(strings(encodeStrings(['a"\n\u0001€']))).toBe('["a\\"\\n\\u0001€"]')
    expect(() => strings(encodeBytes([Uint8Array.of(0xff)]))).toThrow(TensorError)
  })
})
