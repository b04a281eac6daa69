import { describe, expect, it } from 'vitest'
import { sparkline } from './sparkline.ts'

describe('a sparkline', () => {
  it('goes from the lowest to the highest value', () => {
    expect(sparkline([0, 1, 2, 3, 4, 5, 6, 7])).toBe('▁▂▃▄▅▆▇█')
  })

  it('draws a flat line for equal values, and gaps for what is not finite', () => {
    expect(sparkline([2, NaN, 2, Infinity])).toBe('▄ ▄ ')
    expect(sparkline([])).toBe('')
  })

  it('never gets wider than 60', () => {
    expect(sparkline(Array.from({ length: 1000 }, (_, index) => index))).toHaveLength(60)
  })
})
