import { describe, expect, it } from 'vitest'
import type { AliasChange } from '../history/model-history.ts'
import { rollbackTarget } from './rollback-target.ts'

/** Moves from the oldest to the newest: a number is one forth, a text a rollback to it, undefined takes the alias off. */
const history = (...moves: (number | string | undefined)[]): AliasChange[] =>
  moves
    .map((move, index): AliasChange => ({
      sequence: index,
      time: index,
      actor: 'ada',
      reason: undefined,
      alias: 'champion',
      version: move === undefined ? undefined : Number(move),
      versionBefore: undefined,
      checked: undefined,
      cause: typeof move === 'string' ? 'rollback' : undefined,
    }))
    .toReversed()

describe('the version that a rollback goes to', () => {
  it('is the one before the newest move', () => {
    expect(rollbackTarget(history(1, 2))).toBe(1)
    expect(rollbackTarget(history(1, 2, 5))).toBe(2)
  })

  it('goes further back when rolled back again, never forth', () => {
    expect(rollbackTarget(history(1, 2, 3, '2'))).toBe(1)
    expect(rollbackTarget(history(1, 2, 3, '2', '1'))).toBeUndefined()
    expect(rollbackTarget(history(1, 2, 3, '1', 4))).toBe(1)
  })

  it('does not exist before the second move, nor across a time without the alias', () => {
    expect(rollbackTarget(history())).toBeUndefined()
    expect(rollbackTarget(history(1))).toBeUndefined()
    expect(rollbackTarget(history(1, 2, undefined, 3))).toBeUndefined()
  })

  it('does not count a move to where the alias was already', () => {
    expect(rollbackTarget(history(1, 2, 2))).toBe(1)
  })
})
