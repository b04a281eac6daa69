import { describe, expect, it } from 'vitest'
import type { DataType, JsonValue } from '../../tensor/index.ts'
import { decodeStrings, LostDigits, toTypedArray } from '../../tensor/index.ts'
import { openCells } from './cells.ts'

const put = (datatype: DataType, values: readonly (JsonValue | undefined)[], exact = true): boolean[] => {
  const cells = openCells(datatype, values.length, exact)
  return values.map((value, index) => cells.put(index, value))
}

const column = (datatype: Exclude<DataType, 'BYTES'>, values: readonly (JsonValue | undefined)[]): unknown[] => {
  const cells = openCells(datatype, values.length, true)
  for (const [index, value] of values.entries()) expect(cells.put(index, value), String(value)).toBe(true)
  return [...toTypedArray({ name: 'x', datatype, shape: [values.length], data: cells.data() })]
}

describe('a column of a table', () => {
  it.each([
    ['INT8', -128, 127],
    ['UINT8', 0, 255],
    ['INT16', -32768, 32767],
    ['UINT16', 0, 65535],
    ['INT32', -(2 ** 31), 2 ** 31 - 1],
    ['UINT32', 0, 2 ** 32 - 1],
  ] as const)('of %s takes whole numbers from %i to %i and no others', (datatype, min, max) => {
    expect(column(datatype, [min, max, true, '7', 3.0, 'True', 'false'])).toEqual([min, max, 1, 7, 3, 1, 0])
    expect(put(datatype, [min - 1, max + 1, 0.5, Number.NaN, Infinity, null, undefined, '', 'x', [], {}])).toEqual(
      Array.from({ length: 11 }, () => false),
    )
  })

  it('of 64-bit integers keeps every digit', () => {
    const values = [
      0,
      -1,
      1,
      2 ** 32,
      -(2 ** 32),
      2 ** 53 - 1,
      -(2 ** 53 - 1),
      2n ** 63n - 1n,
      -(2n ** 63n),
      '-9007199254740993',
    ]
    expect(column('INT64', values)).toEqual(values.map((value) => BigInt(value)))
    expect(column('UINT64', [0, 2 ** 53 - 1, 2n ** 64n - 1n])).toEqual([0n, 2n ** 53n - 1n, 2n ** 64n - 1n])
    expect(put('INT64', [2n ** 63n, -(2n ** 63n) - 1n])).toEqual([false, false])
    expect(put('UINT64', [-1, -1n, 2n ** 64n])).toEqual([false, false, false])
  })

  it('of 64-bit integers asks for exact reading where digits may be lost', () => {
    expect(() => put('INT64', [2 ** 53], false)).toThrow(LostDigits)
    expect(put('INT64', [1e18])).toEqual([true])
  })

  it('of floating-point numbers has NaN for what is missing', () => {
    for (const datatype of ['FP64', 'FP32'] as const) {
      expect(column(datatype, [1, null, undefined, true, '2.5', ' -.5e1 ', 'NaN', '-inf', 2n, 'False'])).toEqual([
        1,
        Number.NaN,
        Number.NaN,
        1,
        2.5,
        -5,
        Number.NaN,
        -Infinity,
        2,
        0,
      ])
    }
    expect(column('FP16', [1, null])).toEqual([0x3c00, 0x7e00])
    expect(column('BF16', [1, -2])).toEqual([0x3f80, 0xc000])
    expect(column('FP32', [3.4e38, 'inf', -Infinity])).toEqual([Math.fround(3.4e38), Infinity, -Infinity])
    expect(put('FP32', [1e39, '-1e39', 10n ** 39n])).toEqual([false, false, false])
    expect(put('FP16', [65_519, 65_520, Infinity])).toEqual([true, false, true])
    expect(put('BF16', [1e39, -Infinity])).toEqual([false, true])
    expect(put('FP64', [1e39, '1e400', '-1e400'])).toEqual([true, false, false])
    expect(put('FP64', ['', 'x', '0x10', '1_0', '--1', 'toString', [], {}])).toEqual(
      Array.from({ length: 8 }, () => false),
    )
  })

  it('of truth takes words and digits of truth alone', () => {
    expect(column('BOOL', [true, false, 1, 0, 'True', 'false'])).toEqual([1, 0, 1, 0, 1, 0])
    expect(put('BOOL', [2, 'yes', '', null, undefined, 'constructor'])).toEqual(Array.from({ length: 6 }, () => false))
  })

  it('of text keeps what is written, and grows as it must', () => {
    const texts = ['', 'ø😀', 'x'.repeat(10_000), 'y'.repeat(3)]
    const cells = openCells('BYTES', texts.length + 1, true)
    for (const [index, text] of [...texts, 12].entries()) expect(cells.put(index, text)).toBe(true)
    const tensor = { name: 'x', datatype: 'BYTES', shape: [5], data: cells.data() } as const
    expect(decodeStrings(tensor)).toEqual([...texts, '12'])
    expect(put('BYTES', ['\ud800', null, undefined, true, [], {}])).toEqual(Array.from({ length: 6 }, () => false))
  })
})
