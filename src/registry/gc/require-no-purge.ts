import type { Queries } from '../../ports/index.ts'
import { fail } from '../../protocol/index.ts'
import { folderOf } from '../version-seals.ts'

/** Fails with `being_purged` when a run or an experiment is being removed for good, so that it can't be restored. */
export const requireNoPurge = async (tx: Queries, kind: 'run' | 'experiment', id: string): Promise<void> => {
  const rows = await tx.query('SELECT 1 AS begun FROM purges WHERE kind = ? AND id = ?', [kind, id])
  if (rows.length > 0) throw fail('being_purged', { what: `${kind} ${id}` })
}

/** Fails with `being_purged` when what a version is to be made of is being removed for good. */
export const requireNoneOfPurged = async (
  tx: Queries,
  version: { readonly runId: string; readonly modelId: string; readonly storageLocation: string },
): Promise<void> => {
  const place = folderOf(version.storageLocation)
  // Few: one for each process that collects garbage, and what crashes left.
  const rows = await tx.query<{ kind: string; id: string; folder: string }>('SELECT kind, id, folder FROM purges')
  if (rows.length === 0) return
  const [model] = await tx.query<{ experiment_id: number }>(
    'SELECT experiment_id FROM logged_models WHERE model_id = ?',
    [version.modelId],
  )
  const origins = [
    `run ${version.runId}`,
    `logged_model ${version.modelId}`,
    ...(model === undefined ? [] : [`experiment ${model.experiment_id}`]),
  ]
  for (const { kind, id, folder } of rows) {
    const isOrigin = origins.includes(`${kind} ${id}`)
    const isPlace = place !== undefined && folder !== '' && (contains(folder, place) || contains(place, folder))
    if (isOrigin || isPlace) throw fail('being_purged', { what: `${kind.replace('_', ' ')} ${id}` })
  }
}

const contains = (folder: string, path: string): boolean => path === folder || path.startsWith(`${folder}/`)
