import { describe, expect, it } from 'vitest'
import { joinRows, rowCount, splitRows } from './rows.ts'
import type { Tensor } from './tensor.ts'

const tensor = (shape: number[], bytes: number): Tensor => ({
  name: 'x',
  datatype: 'FP32',
  shape,
  data: new Uint8Array(bytes),
})

describe('rows', () => {
  it('are counted by the first dimension', () => {
    expect(rowCount(tensor([3, 2], 24))).toBe(3)
    expect(() => rowCount(tensor([], 4))).toThrow('a scalar has no rows')
  })

  it('are joined in order and the parts keep their rows', () => {
    const a = { ...tensor([1], 4), data: Uint8Array.of(1, 2, 3, 4) }
    const b = { ...tensor([2], 8), data: Uint8Array.of(5, 6, 7, 8, 9, 10, 11, 12) }
    const joined = joinRows([a, b])
    expect(joined.shape).toEqual([3])
    expect(splitRows(joined, [2, 0, 1]).map((part) => [part.shape[0], ...part.data])).toEqual([
      [2, 1, 2, 3, 4, 5, 6, 7, 8],
      [0],
      [1, 9, 10, 11, 12],
    ])
  })

  it('are split without copying', () => {
    const whole = tensor([3, 2], 24)
    for (const part of splitRows(whole, [1, 2])) expect(part.data.buffer).toBe(whole.data.buffer)
  })
})

describe('joinRows', () => {
  it('refuses parts of another type, row shape or no rows at all', () => {
    expect(() => joinRows([])).toThrow('nothing to join')
    expect(() => joinRows([tensor([1, 2], 8), tensor([1, 3], 12)])).toThrow("FP32 [1,3] can't join [1,2]")
    expect(() => joinRows([tensor([1], 4), { ...tensor([2], 4), datatype: 'FP16' }])).toThrow("FP16 [2] can't join [1]")
    expect(() => joinRows([tensor([], 4)])).toThrow('a scalar has no rows')
  })
})

describe('splitRows', () => {
  it('refuses numbers of rows that do not add up', () => {
    expect(() => splitRows(tensor([3], 12), [1, 1])).toThrow('has 3 rows, not 2')
    expect(() => splitRows(tensor([2], 8), [-1, 3])).toThrow("can't be divided into -1 rows")
    expect(() => splitRows(tensor([2], 8), [0.5, 1.5])).toThrow("can't be divided into 0.5 rows")
    expect(() => splitRows(tensor([], 4), [1])).toThrow('a scalar has no rows')
  })

  it('refuses data that are not what the shape says', () => {
    expect(() => splitRows(tensor([2], 4), [1, 1])).toThrow("4 bytes don't hold 2 rows")
    expect(() => splitRows({ ...tensor([2], 4), datatype: 'BYTES' }, [1, 1])).toThrow('fewer elements than the shape')
    const overrun: Tensor = { ...tensor([1], 0), datatype: 'BYTES', data: Uint8Array.of(9, 0, 0, 0) }
    expect(() => splitRows(overrun, [1])).toThrow("4 bytes don't hold 1 rows")
  })
})
