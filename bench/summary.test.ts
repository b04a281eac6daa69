import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Figure } from './summary.ts'
import { figureTable, median, meets, misses, numberText, ratio } from './summary.ts'

const figure = (id: string, value: number): Figure => ({ id, text: `the ${id}`, unit: 'ms', value })

describe('median', () => {
  it('is the middle value, or the mean of the middle two', () => {
    expect(median([9, 1, 5])).toBe(5)
    expect(median([4, 1, 3, 2])).toBe(2.5)
    expect(median([7])).toBe(7)
  })

  it('has as many values above as below it', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { minLength: 1 }), (values) => {
        const middle = median(values)
        const half = values.length / 2
        expect(values.filter((value) => value < middle).length).toBeLessThanOrEqual(half)
        expect(values.filter((value) => value > middle).length).toBeLessThanOrEqual(half)
      }),
    )
  })

  it('leaves the order of the rounds as it was', () => {
    const rounds = [3, 1, 2]
    median(rounds)
    expect(rounds).toEqual([3, 1, 2])
  })

  it('does not invent a value when there is none', () => {
    expect(() => median([])).toThrow('no median')
  })
})

describe('ratio', () => {
  it('says how many times as much ours is', () => {
    expect(ratio(800, 100)).toBe(8)
  })

  it('refuses to compare with a server that did nothing', () => {
    expect(() => ratio(800, 0)).toThrow('no ratio to 0')
    expect(() => ratio(800, Number.NaN)).toThrow('no ratio to NaN')
  })
})

describe('targets', () => {
  it('are met at the bound unless it is to be stayed below', () => {
    expect(meets(8, { is: '>=', bound: 8 })).toBe(true)
    expect(meets(8, { is: '<=', bound: 8 })).toBe(true)
    expect(meets(8, { is: '<', bound: 8 })).toBe(false)
  })

  it('are never met by what is not a number', () => {
    for (const is of ['>=', '<=', '<'] as const) expect(meets(Number.NaN, { is, bound: 1 })).toBe(false)
  })

  it('miss only where a figure has one', () => {
    const figures = [figure('fast', 1), figure('slow', 5), figure('free', 100)]
    const found = misses(figures, { fast: { is: '<', bound: 2 }, slow: { is: '<', bound: 2 } })
    expect(found.map(({ id }) => id)).toEqual(['slow'])
    const own = { ...figure('free', 100), target: { is: '<=', bound: 99 } } as const
    expect(misses([own], {})).toEqual([own])
    expect(figureTable([own], {})).toContain('| <= 99  | missed |')
  })
})

describe('figureTable', () => {
  it('shows value, target and verdict in aligned columns', () => {
    const table = figureTable([figure('slow', 5.00049), { ...figure('free', 12345.6), note: 'why' }], {
      slow: { is: '<', bound: 2 },
    })
    const lines = table.split('\n')
    expect(new Set(lines.map((line) => line.length)).size).toBe(1)
    expect(lines[2]).toContain('| 5      | ms   | < 2    | missed |')
    expect(lines[3]).toContain('| 12,346 | ms   |        |        | why')
  })

  it('keeps four significant digits', () => {
    expect([numberText(0.123456), numberText(17.0049), numberText(999.96), numberText(0)]).toEqual([
      '0.1235',
      '17',
      '1000',
      '0',
    ])
  })
})
