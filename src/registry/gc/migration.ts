import type { Migration, SqlDialect } from '../../ports/index.ts'
import { byBytes, clustered, int } from '../columns.ts'

const gc = (dialect: SqlDialect): string[] => {
  const integer = int(dialect)
  return [
    // What is being removed for good. From the first row of it that goes until the last, so that no crash leaves a rest.
    // files and bytes count what is gone already.
    `CREATE TABLE purges (
      kind TEXT NOT NULL,
      id TEXT NOT NULL,
      name TEXT NOT NULL,
      folder TEXT NOT NULL,
      actor TEXT NOT NULL,
      reason TEXT NOT NULL,
      files ${integer} NOT NULL,
      bytes ${integer} NOT NULL,
      started_time ${integer} NOT NULL,
      PRIMARY KEY (kind, id)
    )${clustered(dialect)}`,
    // Blobs that are being deleted, and for a while those that were: an upload that found one there before must notice.
    // state: deleting, or done when no deletion is on its way any more.
    `CREATE TABLE swept_blobs (
      digest TEXT PRIMARY KEY,
      state TEXT NOT NULL,
      swept_time ${integer} NOT NULL
    )${clustered(dialect)}`,
    'CREATE INDEX swept_blobs_by_time ON swept_blobs (state, swept_time)',
    // Partial: only what is deleted pays for them.
    `CREATE INDEX runs_deleted ON runs (run_id) WHERE lifecycle_stage = 'deleted'`,
    `CREATE INDEX logged_models_deleted ON logged_models (model_id) WHERE lifecycle_stage = 'deleted'`,
  ]
}

/** What garbage collection has under way. */
export const gcMigration: Migration = {
  id: '0015-gc',
  statements: (dialect) => byBytes(gc(dialect), dialect),
}
