import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Resident } from './memory-budget.ts'
import { modelsToUnload } from './memory-budget.ts'

const resident = (model: string, bytes: number, lastUsedMs: number, busy = false): Resident => ({
  model,
  bytes,
  lastUsedMs,
  busy,
})
const residents = fc
  .array(fc.record({ bytes: fc.nat(100), lastUsedMs: fc.nat(20), busy: fc.boolean() }), { maxLength: 8 })
  .map((list) => list.map((facts, index) => ({ model: `m${index}`, ...facts })))

describe('the memory budget', () => {
  it('unloads nothing while there is room', () => {
    expect(modelsToUnload([resident('a', 50, 1)], 50, 100)).toEqual([])
    expect(modelsToUnload([], 0, 0)).toEqual([])
  })

  it('unloads the least recently used first, and no more than it takes', () => {
    const loaded = [resident('new', 40, 3), resident('old', 40, 1), resident('middle', 20, 2)]
    expect(modelsToUnload(loaded, 40, 100)).toEqual(['old'])
    expect(modelsToUnload(loaded, 60, 100)).toEqual(['old', 'middle'])
    expect(modelsToUnload(loaded, 100, 100)).toEqual(['old', 'middle', 'new'])
  })

  it('passes over models in use', () => {
    expect(modelsToUnload([resident('old', 50, 1, true), resident('new', 50, 2)], 50, 100)).toEqual(['new'])
  })

  it('unloads nothing when even that would not do', () => {
    expect(modelsToUnload([resident('old', 50, 1), resident('new', 50, 2, true)], 60, 100)).toBeUndefined()
    expect(modelsToUnload([resident('old', 50, 1)], 101, 100)).toBeUndefined()
  })

  it('keeps an old small model when a newer large one makes the room alone', () => {
    expect(modelsToUnload([resident('small', 1, 1), resident('large', 99, 2)], 90, 100)).toEqual(['large'])
  })

  it('makes room with idle models only, none of them in vain, or says that it can not', () => {
    fc.assert(
      fc.property(residents, fc.nat(200), fc.nat(300), (loaded, needed, budget) => {
        const total = (list: readonly Resident[]): number => list.reduce((sum, one) => sum + one.bytes, 0)
        const victims = modelsToUnload(loaded, needed, budget)
        const busy = loaded.filter((one) => one.busy)
        expect(victims === undefined).toBe(total(busy) + needed > budget)
        if (victims === undefined) return
        const gone = loaded.filter((one) => victims.includes(one.model))
        const free = budget - total(loaded) + total(gone) - needed
        expect(gone.some((one) => one.busy)).toBe(false)
        expect(free).toBeGreaterThanOrEqual(0)
        for (const victim of gone) expect(free - victim.bytes).toBeLessThan(0)
      }),
      { numRuns: 500 },
    )
  })
})
