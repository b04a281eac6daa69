import type { AliasChangeView, RefusedMoveView } from '../protocol/index.ts'
import { timeText } from './listing.ts'
import { table } from './table.ts'

const nowhere = '(none)'

/** Every move of an alias as a table, the newest first. */
export const aliasChangesText = (items: readonly AliasChangeView[]): string =>
  table(
    ['time', 'from', 'to', 'who', 'why'],
    items.map((change) => [
      timeText(change.time),
      String(change.versionBefore ?? nowhere),
      String(change.version ?? nowhere),
      change.actor,
      [change.cause, change.reason].filter((part) => part !== undefined).join(': '),
    ]),
  )

/** Every move of an alias that was refused as a table, the newest first. */
export const refusedMovesText = (items: readonly RefusedMoveView[]): string =>
  table(
    ['time', 'to', 'who', 'refused since'],
    items.map(({ time, version, actor, refused }) => [
      timeText(time),
      String(version ?? nowhere),
      actor,
      refused.join('; '),
    ]),
  )
