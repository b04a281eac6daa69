import { nothing, type SqlFragment } from './search-target.ts'

/** A dataset that something was measured on; without a digest, any data of that name. */
export interface SearchedDataset {
  readonly name: string
  readonly digest?: string
}

/** Condition on the row of a logged model's metric, as `k`; empty without datasets. */
export function onDatasets(datasets: readonly SearchedDataset[]): SqlFragment {
  if (datasets.length === 0) return nothing
  const each = datasets.map(({ digest }) =>
    digest === undefined ? 'k.dataset_name = ?' : '(k.dataset_name = ? AND k.dataset_digest = ?)',
  )
  return {
    sql: `(${each.join(' OR ')})`,
    args: datasets.flatMap(({ name, digest }) => (digest === undefined ? [name] : [name, digest])),
  }
}
