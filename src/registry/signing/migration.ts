import type { Migration, SqlDialect } from '../../ports/index.ts'
import { byBytes, clustered, int } from '../columns.ts'

const signing = (dialect: SqlDialect): string[] => [
  // What the newest check of a version's signature found; no row when signatures weren't looked at.
  `CREATE TABLE version_signatures (
    model_key ${int(dialect)} NOT NULL,
    version ${int(dialect)} NOT NULL,
    state TEXT NOT NULL,
    signer TEXT NOT NULL,
    reason TEXT NOT NULL,
    checked_time ${int(dialect)} NOT NULL,
    PRIMARY KEY (model_key, version),
    FOREIGN KEY (model_key, version) REFERENCES model_versions ON DELETE CASCADE
  )${clustered(dialect)}`,
]

/** What is known of the signatures of versions. */
export const signingMigration: Migration = {
  id: '0013-signing',
  statements: (dialect) => byBytes(signing(dialect), dialect),
}
