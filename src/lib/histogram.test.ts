import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Histogram } from './histogram.ts'

const filled = (values: readonly number[]): Histogram => {
  const histogram = new Histogram()
  for (const value of values) histogram.record(value)
  return histogram
}

const exactPercentile = (values: readonly number[], p: number): number => {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(1, Math.ceil((p / 100) * sorted.length)) - 1] ?? 0
}

const durations = fc.array(fc.double({ min: 0, max: 3_600_000, noNaN: true }), { minLength: 1, maxLength: 200 })

describe('Histogram', () => {
  it('is all zeros when empty', () => {
    const empty = new Histogram()
    expect([empty.count, empty.min, empty.max, empty.mean, empty.percentile(99)]).toEqual([0, 0, 0, 0, 0])
  })

  it('keeps microseconds apart below 0.128 ms', () => {
    const histogram = filled([0.001, 0.002, 0.003, 0.1, 0.101])
    expect(histogram.percentile(20)).toBe(0.001)
    expect(histogram.percentile(60)).toBe(0.003)
    expect(histogram.percentile(80)).toBe(0.1)
  })

  it('finds every percentile within 0.8 % or a microsecond of the exact one', () => {
    fc.assert(
      fc.property(durations, fc.double({ min: 0, max: 100, noNaN: true }), (values, p) => {
        const exact = exactPercentile(values, p)
        expect(Math.abs(filled(values).percentile(p) - exact)).toBeLessThanOrEqual(Math.max(0.001, exact / 128))
      }),
    )
  })

  it('never lets a higher percentile be smaller', () => {
    fc.assert(
      fc.property(durations, (values) => {
        const histogram = filled(values)
        const found = [0, 10, 50, 90, 99, 99.9, 100].map((p) => histogram.percentile(p))
        expect(found).toEqual([...found].sort((a, b) => a - b))
      }),
    )
  })

  it('holds the same after a merge as if one histogram had recorded everything', () => {
    fc.assert(
      fc.property(durations, durations, (left, right) => {
        const merged = filled(left)
        merged.merge(filled(right))
        const together = filled([...left, ...right])
        expect(merged.toData().buckets).toEqual(together.toData().buckets)
        expect([merged.count, merged.min, merged.max]).toEqual([together.count, together.min, together.max])
        expect(merged.mean).toBeCloseTo(together.mean, 6)
      }),
    )
  })

  it('survives the trip through plain data', () => {
    const histogram = filled([0.5, 3, 70_000])
    const copy = Histogram.from(JSON.parse(JSON.stringify(histogram.toData())))
    expect(copy.toData()).toEqual(histogram.toData())
    expect(copy.count).toBe(3)
  })

  it('keeps the true maximum of values beyond its range', () => {
    const histogram = filled([1, 1e9])
    expect(histogram.max).toBe(1e9)
    expect(histogram.percentile(100)).toBe(1e9)
  })

  it('counts negative durations as zero and refuses what is not a number', () => {
    const histogram = filled([-1])
    expect([histogram.count, histogram.max]).toEqual([1, 0])
    expect(() => histogram.record(Number.NaN)).toThrow('must be a number')
    expect(() => histogram.percentile(101)).toThrow('between 0 and 100')
    expect(() => Histogram.from({ buckets: [[-1, 1]], minMs: 0, maxMs: 0, sumMs: 0 })).toThrow('not a histogram bucket')
  })
})
