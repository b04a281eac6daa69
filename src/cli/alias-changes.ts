import type { AliasChangeView } from '../protocol/index.ts'
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
