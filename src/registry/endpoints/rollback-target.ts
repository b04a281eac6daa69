import type { AliasChange } from '../history/model-history.ts'

/** Marks a move in the history that took an earlier one back. */
export const rollbackCause = 'rollback'

/**
 * The version to go back to: the one before the newest move that has not been taken back yet; undefined when there is
 * none. Going back twice goes two moves back rather than forth again. `history` is an alias's, the newest first.
 */
export const rollbackTarget = (history: readonly AliasChange[]): number | undefined => {
  const stack: number[] = []
  for (const { version, cause } of history.toReversed()) {
    if (version === undefined) stack.length = 0
    else if (cause === rollbackCause && stack.includes(version)) stack.length = stack.lastIndexOf(version) + 1
    else if (stack.at(-1) !== version) stack.push(version)
  }
  return stack.at(-2)
}
