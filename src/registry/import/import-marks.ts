import { createHash } from 'node:crypto'
import type { Queries } from '../../ports/index.ts'
import type { ImportOutcome } from '../../protocol/index.ts'

export type MarkKind = 'run' | 'logged_model' | 'registered_model' | 'version' | 'trace'

export interface Mark extends Readonly<Record<string, string | number | null>> {
  readonly digest: string
  readonly version_last: number | null
}

/** SHA-256 of a record, whose fields are in the order of its shape. */
export const digestOf = (record: object): string => createHash('sha256').update(JSON.stringify(record)).digest('hex')

export const readMark = async (tx: Queries, kind: MarkKind, id: string): Promise<Mark | undefined> => {
  const [mark] = await tx.query<Mark>('SELECT digest, version_last FROM import_marks WHERE kind = ? AND id = ?', [
    kind,
    id,
  ])
  return mark
}

export const putMark = async (
  tx: Queries,
  mark: { readonly kind: MarkKind; readonly id: string; readonly digest: string; readonly versionLast?: number },
  nowMs: number,
): Promise<void> => {
  await tx.query(
    `INSERT INTO import_marks (kind, id, digest, version_last, imported_time) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (kind, id) DO UPDATE SET digest = excluded.digest, version_last = excluded.version_last,
       imported_time = excluded.imported_time`,
    [mark.kind, mark.id, mark.digest, mark.versionLast ?? null, nowMs],
  )
}

/** What is to be said of a record whose id is taken. What an import made may be completed; what others made may not. */
export const outcomeOfTaken = (
  mark: Mark | undefined,
  { digest, id, what }: { readonly digest: string; readonly id: string; readonly what: string },
): ImportOutcome => {
  if (mark === undefined) return { outcome: 'conflict', reason: `${what} is here already, and no import made it` }
  if (mark.digest === digest) return { outcome: 'present', id }
  return { outcome: 'conflict', id, reason: `${what} was imported with other content` }
}
