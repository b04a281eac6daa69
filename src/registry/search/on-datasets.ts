import { placeholders } from '../sql.ts'
import { nothing, type SqlFragment } from './sql-fragment.ts'

/** A dataset that something was measured on; without a digest, any data of that name. */
export interface SearchedDataset {
  readonly name: string
  readonly digest?: string
}

/**
 * Condition on the row of a logged model's metric, as `k`; empty without datasets. Lists, since SQLite's planner takes
 * time with the square of what is joined by OR.
 */
export function onDatasets(datasets: readonly SearchedDataset[]): SqlFragment {
  if (datasets.length === 0) return nothing
  const names = datasets.flatMap(({ name, digest }) => (digest === undefined ? [name] : []))
  const pairs = datasets.flatMap(({ name, digest }) => (digest === undefined ? [] : [name, digest]))
  const within = [
    names.length > 0 && `k.dataset_name IN (${placeholders(names.length)})`,
    pairs.length > 0 &&
      `(k.dataset_name, k.dataset_digest) IN (VALUES ${Array.from({ length: pairs.length / 2 }, () => '(?, ?)').join(', ')})`,
  ]
  return { sql: `(${within.filter((each) => each !== false).join(' OR ')})`, args: [...names, ...pairs] }
}
