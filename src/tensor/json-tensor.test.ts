import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeStrings } from './bytes-elements.ts'
import type { DataType } from './datatype.ts'
import type { JsonValue } from './json-reader.ts'
import { decodeJsonTensor, LostDigits } from './json-tensor.ts'
import { TensorError } from './tensor-error.ts'
import { toTypedArray } from './typed-array.ts'

const values = (datatype: DataType, data: JsonValue[]): unknown[] =>
  Array.from(toTypedArray(decodeJsonTensor({ name: 'x', datatype, shape: [data.length], data })) as Float64Array)

const decode = (shape: number[], data: JsonValue, datatype: DataType = 'FP32'): unknown[] =>
  Array.from(toTypedArray(decodeJsonTensor({ name: 'x', datatype, shape, data })) as Float32Array)

describe('the layout of JSON values', () => {
  it('is flat, or nested as the shape', () => {
    expect(decode([2, 2], [1, 2, 3, 4])).toEqual([1, 2, 3, 4])
    expect(
      decode(
        [2, 2],
        [
          [1, 2],
          [3, 4],
        ],
      ),
    ).toEqual([1, 2, 3, 4])
    expect(decode([1, 2, 1], [[[1], [2]]])).toEqual([1, 2])
    expect(decode([], [5])).toEqual([5])
    expect(decode([2, 0], [[], []])).toEqual([])
    expect(decode([0], [])).toEqual([])
  })

  it('decodes nested lists to the same values as flat ones', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 4 }), fc.nat(4), (a, b, c) => {
        const flat = Array.from({ length: a * b * c }, (_, index) => index)
        const nested = Array.from({ length: a }, (_, i) =>
          Array.from({ length: b }, (__, j) => flat.slice((i * b + j) * c, (i * b + j + 1) * c)),
        )
        expect(decode([a, b, c], nested)).toEqual(decode([a, b, c], flat))
      }),
    )
  })

  it.each<[string, number[], JsonValue]>([
    ['ragged rows', [2, 2], [[1, 2], [3]]],
    ['ragged rows that make up the right count', [2, 2], [[1], [2, 3, 4]]],
    ['a number among lists', [2, 2], [[1, 2], 3]],
    ['nesting deeper than the shape', [2], [[1], [2]]],
    [
      'nesting of half the shape',
      [2, 1, 2],
      [
        [1, 2],
        [3, 4],
      ],
    ],
    [
      'nesting of another order',
      [2, 3],
      [
        [1, 2],
        [3, 4],
        [5, 6],
      ],
    ],
    ['a nested scalar', [], [[1]]],
    ['a list behind numbers', [2], [1, [2]]],
  ])('is refused with %s', (_, shape, data) => {
    expect(() => decode(shape, data)).toThrow(TensorError)
  })

  it('is refused with more or fewer values than the shape says, before any memory is taken', () => {
    expect(() => decode([3], [1, 2])).toThrow("tensor 'x': shape [3] takes 3 values, got 2")
    expect(() => decode([2 ** 52], [1])).toThrow('takes 4503599627370496 values, got 1')
    expect(() => decode([2 ** 30, 2 ** 30], [1])).toThrow('too many elements')
    expect(() => decode([1], 1)).toThrow("'data' must be a list")
  })

  it('is refused without recursion when nested very deep', () => {
    let deep: JsonValue = [1]
    for (let i = 0; i < 1_000_000; i++) deep = [deep]
    expect(() => decode([1], deep)).toThrow('nesting')
    expect(() => decode([1, 1], deep)).toThrow('nesting')
  })
})

describe('floats', () => {
  it('take any number, NaN and infinities', () => {
    expect(values('FP32', [0.1, Number.NaN, -Infinity, Infinity])).toEqual([
      Math.fround(0.1),
      Number.NaN,
      -Infinity,
      Infinity,
    ])
    expect(values('FP64', [0.1, -0, 2n ** 64n])).toEqual([0.1, -0, 2 ** 64])
    expect(values('FP16', [1, 1 + 2 ** -11, 1 + 3 * 2 ** -11, Infinity])).toEqual([0x3c00, 0x3c00, 0x3c02, 0x7c00])
    expect(values('BF16', [1, 1 + 2 ** -8, 1 + 3 * 2 ** -8])).toEqual([0x3f80, 0x3f80, 0x3f82])
  })

  it.each([
    ['FP32', (2 - 2 ** -23) * 2 ** 127, (2 - 2 ** -24) * 2 ** 127],
    ['BF16', (2 - 2 ** -7) * 2 ** 127, (2 - 2 ** -8) * 2 ** 127],
    ['FP16', 65_519.99, 65_520],
  ] as const)('of type %s go to %d and are too large from %d on', (datatype, largest, beyond) => {
    const bytes = { FP32: Float32Array, BF16: Uint16Array, FP16: Uint16Array }[datatype].BYTES_PER_ELEMENT
    const { data } = decodeJsonTensor({ name: 'x', datatype, shape: [2], data: [largest, -largest] })
    const infinite = decodeJsonTensor({ name: 'x', datatype, shape: [2], data: [Infinity, -Infinity] }).data
    expect(data.length).toBe(2 * bytes)
    expect(data).not.toEqual(infinite)
    for (const wrong of [beyond, -beyond]) {
      expect(() => values(datatype, [1, wrong])).toThrow(
        `tensor 'x': value 1 (${String(wrong)}) is too large for ${datatype}`,
      )
    }
    expect(() => values(datatype, [10n ** 39n])).toThrow('value 0 (1000000000')
  })

  it.each(['FP16', 'BF16', 'FP32', 'FP64'] as const)('of type %s refuse anything else', (datatype) => {
    for (const wrong of ['1', true, null, {}]) expect(() => values(datatype, [1, wrong])).toThrow(TensorError)
  })
})

describe('whole numbers', () => {
  const ranges: readonly (readonly [DataType, bigint, bigint])[] = [
    ['UINT8', 0n, 255n],
    ['UINT16', 0n, 65_535n],
    ['UINT32', 0n, 4_294_967_295n],
    ['UINT64', 0n, 18_446_744_073_709_551_615n],
    ['INT8', -128n, 127n],
    ['INT16', -32_768n, 32_767n],
    ['INT32', -2_147_483_648n, 2_147_483_647n],
    ['INT64', -9_223_372_036_854_775_808n, 9_223_372_036_854_775_807n],
  ]
  /** As parseJson gives it. */
  const read = (value: bigint): JsonValue => (Number.isSafeInteger(Number(value)) ? Number(value) : value)

  it.each(ranges)('of type %s go from %s to %s', (datatype, min, max) => {
    expect(values(datatype, [read(min), read(max)]).map(String)).toEqual([String(min), String(max)])
    for (const beyond of [min - 1n, max + 1n]) expect(() => values(datatype, [read(beyond)])).toThrow(TensorError)
  })

  it.each(ranges)('of type %s refuse fractions, NaN and what is no number', (datatype) => {
    for (const wrong of [1.5, Number.NaN, Infinity, '1', true, null, []]) {
      expect(() => values(datatype, [0, wrong])).toThrow(TensorError)
    }
  })

  it('ask to be read exactly when a double may have lost their digits', () => {
    const data = [2 ** 53]
    expect(() => decodeJsonTensor({ name: 'x', datatype: 'INT64', shape: [1], data })).toThrow(LostDigits)
    const exact = decodeJsonTensor({ name: 'x', datatype: 'INT64', shape: [1], data, exact: true })
    expect(toTypedArray(exact)).toEqual(BigInt64Array.of(2n ** 53n))
    expect(values('INT64', [2n ** 53n + 1n])).toEqual([2n ** 53n + 1n])
  })

  it('that are wrong are named with their place', () => {
    expect(() => values('UINT8', [1, 300])).toThrow("tensor 'x': value 1 (300) is not a UINT8")
    expect(() => values('UINT8', [Number.NaN])).toThrow('value 0 (NaN)')
    expect(() => values('UINT8', [{ a: 2n ** 60n }])).toThrow('value 0 (an object)')
    expect(() => values('UINT8', ['7'.repeat(1000)])).toThrow(`value 0 ("${'7'.repeat(40)}") is not`)
  })
})

describe('truth values and strings', () => {
  it('are true, false, 1 and 0', () => {
    expect(values('BOOL', [true, false, 1, 0])).toEqual([1, 0, 1, 0])
    for (const wrong of [2, 'true', null]) expect(() => values('BOOL', [wrong])).toThrow(TensorError)
  })

  it('are written as UTF-8', () => {
    const data = ['', 'é', 'a\0b', '𝄞']
    expect(decodeStrings(decodeJsonTensor({ name: 'x', datatype: 'BYTES', shape: [4], data }))).toEqual(data)
  })

  it('are refused when they are no strings, or have no UTF-8', () => {
    expect(() => decodeJsonTensor({ name: 'x', datatype: 'BYTES', shape: [1], data: [1] })).toThrow(TensorError)
    expect(() => decodeJsonTensor({ name: 'x', datatype: 'BYTES', shape: [1], data: ['\ud800'] })).toThrow(TensorError)
  })
})
