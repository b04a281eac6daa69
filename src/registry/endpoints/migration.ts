import type { Migration, SqlDialect } from '../../ports/index.ts'
import { byBytes, clustered, int } from '../columns.ts'

const endpoints = (dialect: SqlDialect): string[] => [
  // What an endpoint follows: a registered model by a selector (an alias, a stage, a version), or a folder of a run.
  `CREATE TABLE endpoints (
    name TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    model_key ${int(dialect)},
    selector TEXT NOT NULL,
    version ${int(dialect)},
    folder TEXT,
    created_by TEXT NOT NULL,
    created_time ${int(dialect)} NOT NULL
  )${clustered(dialect)}`,
  'CREATE INDEX endpoints_by_model ON endpoints (model_key)',
]

/** Names under which registered models are called. */
export const endpointsMigration: Migration = {
  id: '0019-endpoints',
  statements: (dialect) => byBytes(endpoints(dialect), dialect),
}
