import type { Migration, SqlDialect } from '../../ports/index.ts'
import { byBytes, clustered, int } from '../columns.ts'

const promotion = (dialect: SqlDialect): string[] => {
  const integer = int(dialect)
  return [
    // document: the checked policy as JSON. What it was before is in the events.
    `CREATE TABLE promotion_policies (
      model_key ${integer} PRIMARY KEY REFERENCES registered_models ON DELETE CASCADE,
      document TEXT NOT NULL,
      updated_by TEXT NOT NULL,
      updated_time ${integer} NOT NULL
    )`,
    // A person's standing decision on a version.
    `CREATE TABLE approvals (
      model_key ${integer} NOT NULL,
      version ${integer} NOT NULL,
      person TEXT NOT NULL,
      decision TEXT NOT NULL,
      reason TEXT NOT NULL,
      decided_time ${integer} NOT NULL,
      PRIMARY KEY (model_key, version, person),
      FOREIGN KEY (model_key, version) REFERENCES model_versions ON DELETE CASCADE
    )${clustered(dialect)}`,
  ]
}

/** Policies that guard aliases and stages, and what people decided about versions. */
export const promotionMigration: Migration = {
  id: '0011-promotion',
  statements: (dialect) => byBytes(promotion(dialect), dialect),
}
