import type { Queries } from '../../ports/index.ts'
import { fail } from '../../protocol/index.ts'
import type { FileOwnerName, ImportedFile, ImportedFileOutcome } from '../../protocol/index.ts'
import { excerpt } from '../limits.ts'
import { keptPath } from '../source-uri.ts'

const tables: Readonly<Record<FileOwnerName, readonly [table: string, key: string, mark: string]>> = {
  run: ['runs', 'run_id', 'run'],
  model: ['logged_models', 'model_id', 'logged_model'],
  trace: ['traces', 'trace_id', 'trace'],
}

/** Says whether a file is there, with the same bytes or others, and where it goes when it isn't. */
export const findFile = async (tx: Queries, file: ImportedFile): Promise<ImportedFileOutcome> => {
  const [table, key, mark] = tables[file.owner]
  const [row] = await tx.query<{ artifact_uri: string }>(
    `SELECT o.artifact_uri FROM ${table} o JOIN import_marks k ON k.kind = ? AND k.id = o.${key} WHERE o.${key} = ?`,
    [mark, file.id],
  )
  if (row === undefined)
    throw fail('resource_missing', { reason: `${file.owner} ${excerpt(file.id)} was not imported` })
  const path = keptPath(row.artifact_uri, file.path)
  const [there] = await tx.query<{ digest: string }>('SELECT digest FROM artifacts WHERE path = ?', [path])
  if (there === undefined) return { outcome: 'missing', path }
  if (there.digest === file.digest.toLowerCase()) return { outcome: 'present', path }
  return { outcome: 'conflict', path, reason: `'${path}' has other bytes here` }
}
