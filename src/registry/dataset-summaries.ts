import type { Queries } from '../ports/index.ts'
import { fail } from '../protocol/index.ts'
import { numberOf } from './experiment-store.ts'
import { placeholders } from './sql.ts'

/** A dataset that runs of an experiment read, and what for. */
export interface DatasetSummary {
  readonly experimentId: string
  readonly name: string
  readonly digest: string
  /** `training` and the like; undefined when the run didn't say. */
  readonly context: string | undefined
}

const experimentsMax = 20
const summariesMax = 1000

/** The datasets of up to 20 experiments, once for each context; the first 1000. */
export const datasetSummaries = async (
  queries: Queries,
  experimentIds: readonly string[],
): Promise<DatasetSummary[]> => {
  if (experimentIds.length === 0)
    throw fail('invalid_parameter', {
      reason: 'SearchDatasets request must specify at least one experiment_id.',
    })
  if (experimentIds.length > experimentsMax)
    throw fail('invalid_parameter', {
      reason: `SearchDatasets request cannot specify more than ${experimentsMax} experiment_ids. Received ${experimentIds.length} experiment_ids.`,
    })
  const ids = experimentIds.map(numberOf).filter((id) => id !== undefined)
  if (ids.length === 0) return []
  const rows = await queries.query<{ experiment_id: number; name: string; digest: string; context: string | null }>(
    `SELECT DISTINCT d.experiment_id, d.name, d.digest, i.context FROM datasets d
     JOIN run_inputs i ON i.dataset_id = d.dataset_id WHERE d.experiment_id IN (${placeholders(ids.length)})
     ORDER BY d.experiment_id, d.name, d.digest, i.context LIMIT ?`,
    [...ids, summariesMax],
  )
  return rows.map((row) => ({
    experimentId: String(row.experiment_id),
    name: row.name,
    digest: row.digest,
    context: row.context ?? undefined,
  }))
}
