import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Resident } from './memory-budget.ts'
import { bytesToExpect, versionsToGiveBack, versionsToMakeRoom, versionsToUnload } from './memory-budget.ts'

const resident = (model: string, bytes: number, lastUsedMs: number, busy = false): Resident => ({
  model,
  version: 1,
  bytes,
  lastUsedMs,
  busy,
})
const residents = fc
  .array(fc.record({ bytes: fc.nat(100), lastUsedMs: fc.nat(20), busy: fc.boolean() }), { maxLength: 8 })
  .map((list) => list.map((facts, index) => ({ model: `m${index}`, version: 1, ...facts })))

const namesOf = (victims: readonly Resident[] | undefined): string[] | undefined => victims?.map(({ model }) => model)

describe('the memory budget', () => {
  it('unloads nothing while there is room', () => {
    expect(namesOf(versionsToUnload([resident('a', 50, 1)], 50, 100))).toEqual([])
    expect(namesOf(versionsToUnload([], 0, 0))).toEqual([])
  })

  it('unloads the least recently used first, and no more than it takes', () => {
    const loaded = [resident('new', 40, 3), resident('old', 40, 1), resident('middle', 20, 2)]
    expect(namesOf(versionsToUnload(loaded, 40, 100))).toEqual(['old'])
    expect(namesOf(versionsToUnload(loaded, 60, 100))).toEqual(['old', 'middle'])
    expect(namesOf(versionsToUnload(loaded, 100, 100))).toEqual(['old', 'middle', 'new'])
  })

  it('passes over models in use', () => {
    expect(namesOf(versionsToUnload([resident('old', 50, 1, true), resident('new', 50, 2)], 50, 100))).toEqual(['new'])
  })

  it('unloads nothing when even that would not do', () => {
    expect(versionsToUnload([resident('old', 50, 1), resident('new', 50, 2, true)], 60, 100)).toBeUndefined()
    expect(versionsToUnload([resident('old', 50, 1)], 101, 100)).toBeUndefined()
  })

  it('keeps an old small model when a newer large one makes the room alone', () => {
    expect(namesOf(versionsToUnload([resident('small', 1, 1), resident('large', 99, 2)], 90, 100))).toEqual(['large'])
  })

  it('makes room with idle models only, none of them in vain, or says that it can not', () => {
    fc.assert(
      fc.property(residents, fc.nat(200), fc.nat(300), (loaded, needed, budget) => {
        const total = (list: readonly Resident[]): number => list.reduce((sum, one) => sum + one.bytes, 0)
        const victims = versionsToUnload(loaded, needed, budget)
        const busy = loaded.filter((one) => one.busy)
        expect(victims === undefined).toBe(total(busy) + needed > budget)
        if (victims === undefined) return
        const gone = loaded.filter((one) => victims.includes(one))
        const free = budget - total(loaded) + total(gone) - needed
        expect(gone.some((one) => one.busy)).toBe(false)
        expect(free).toBeGreaterThanOrEqual(0)
        for (const victim of gone) expect(free - victim.bytes).toBeLessThan(0)
      }),
      { numRuns: 500 },
    )
  })
})

describe('room for a load', () => {
  it('leaves some of the budget free where it can, and uses all of it where it must', () => {
    const old = resident('old', 40, 1)
    expect(namesOf(versionsToMakeRoom([old, resident('new', 40, 2)], 15, 100))).toEqual([])
    expect(namesOf(versionsToMakeRoom([old, resident('new', 40, 2)], 16, 100))).toEqual(['old'])
    expect(namesOf(versionsToMakeRoom([resident('busy', 84, 1, true)], 16, 100))).toEqual([])
    expect(versionsToMakeRoom([resident('busy', 85, 1, true)], 16, 100)).toBeUndefined()
  })
})

describe('a budget that is overrun', () => {
  const loaded = [resident('a', 50, 1), resident('b', 5, 2), resident('c', 45, 3)]

  it('is met again by unloading what was used least recently, with some to spare', () => {
    expect(namesOf(versionsToGiveBack(loaded, 0, 100))).toEqual([])
    expect(namesOf(versionsToGiveBack(loaded, 1, 100))).toEqual(['a'])
    expect(namesOf(versionsToGiveBack(loaded, 1, 97))).toEqual(['a'])
  })

  it('has every idle one go when that does not do, but what was used last and what is in use', () => {
    expect(namesOf(versionsToGiveBack([...loaded, resident('busy', 200, 0, true)], 0, 100))).toEqual(['a', 'b'])
    expect(namesOf(versionsToGiveBack([resident('only', 200, 1)], 0, 100))).toEqual([])
  })
})

describe('what a version will take again', () => {
  it.each([
    ['what it grew to', 110, 110],
    ['a fourth more than after its load when a large run left more', 900, 125],
    ['no less than after its load', 10, 100],
  ])('is %s', (_, bytes, expected) => {
    expect(bytesToExpect(100, bytes, 1000)).toBe(expected)
  })

  it('is within the budget when it was after its load', () => {
    expect(bytesToExpect(100, 120, 105)).toBe(105)
    expect(bytesToExpect(100, 120, 90)).toBe(100)
  })
})
