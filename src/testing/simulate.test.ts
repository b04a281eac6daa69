import { describe, expect, it } from 'vitest'
import { seededRandom } from './seeded-random.ts'
import { simulate } from './simulate.ts'

const draw = (seed: number, count: number): number[] => {
  const random = seededRandom(seed)
  return Array.from({ length: count }, () => random.next())
}
const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length

describe('seededRandom', () => {
  it('repeats itself for a seed and differs for its neighbour', () => {
    expect(draw(7, 20)).toEqual(draw(7, 20))
    expect(draw(7, 20)).not.toEqual(draw(8, 20))
  })

  it('is uniform in [0, 1), whatever the seed', () => {
    for (const seed of [0, 1, 2, -1, 2 ** 31, 0.5]) {
      const values = draw(seed, 20_000)
      expect(Math.min(...values)).toBeGreaterThanOrEqual(0)
      expect(Math.max(...values)).toBeLessThan(1)
      expect(mean(values)).toBeCloseTo(0.5, 1)
    }
  })

  it('draws integers, gaps, chances and items as asked', () => {
    const random = seededRandom(3)
    const times = (count: number, fn: () => number): number[] => Array.from({ length: count }, fn)
    expect(new Set(times(500, () => random.int(4)))).toEqual(new Set([0, 1, 2, 3]))
    expect(mean(times(20_000, () => random.exponential(8)))).toBeCloseTo(8, 0)
    expect(mean(times(20_000, () => (random.chance(0.25) ? 1 : 0)))).toBeCloseTo(0.25, 1)
    expect(new Set(times(500, () => random.pick([5, 6])))).toEqual(new Set([5, 6]))
    expect(() => random.pick([])).toThrow('nothing to pick from')
  })
})

describe('simulate', () => {
  it('runs every seed once, in order', async () => {
    const seen: number[] = []
    await simulate(4, (_random, seed) => void seen.push(seed))
    expect(seen).toEqual([1, 2, 3, 4])
  })

  it('names the seed that failed, and replays that seed alone with the same numbers', async () => {
    const drawn = new Map<number, number[]>()
    const run = async (random: { next(): number }, seed: number): Promise<void> => {
      await Promise.resolve()
      drawn.set(seed, [...(drawn.get(seed) ?? []), random.next()])
      if (seed === 3) throw new Error('lost a request')
    }
    const failure = simulate(10, run)
    await expect(failure).rejects.toThrow('seed 3: lost a request (again: simulate({ replay: 3 }, …))')
    await expect(failure).rejects.toHaveProperty('cause.message', 'lost a request')
    await expect(simulate({ replay: 3 }, run)).rejects.toThrow('seed 3')
    expect([...drawn.keys()]).toEqual([1, 2, 3])
    expect(drawn.get(3)?.[0]).toBe(drawn.get(3)?.[1])
  })
})
