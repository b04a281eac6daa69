import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { IdTable } from './id-table.ts'

describe('a table of numbers', () => {
  it('holds what a map would hold', () => {
    const id = fc.oneof(fc.nat({ max: 40 }), fc.constantFrom(16, 32, 48, 2 ** 32 - 1, 2 ** 31, 2 ** 31 - 1))
    const step = fc.record({ kind: fc.constantFrom('set', 'set', 'delete', 'get'), id, value: fc.nat() })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const table = new IdTable<number>()
        const map = new Map<number, number>()
        for (const { kind, id: key, value } of steps) {
          if (kind === 'set') {
            table.set(key, value)
            map.set(key, value)
          } else if (kind === 'delete') {
            table.delete(key)
            map.delete(key)
          } else expect(table.get(key)).toBe(map.get(key))
          expect(table.size).toBe(map.size)
        }
        for (const { id: key } of steps) expect(table.get(key)).toBe(map.get(key))
        const ascending = (one: number, other: number): number => one - other
        expect(table.values().sort(ascending)).toEqual([...map.values()].sort(ascending))
        table.clear()
        expect(table.size).toBe(0)
        expect(table.values()).toEqual([])
      }),
    )
  })
})
