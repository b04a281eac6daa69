import type { Migration, SqlDialect } from '../../ports/index.ts'
import { byBytes, clustered, int } from '../columns.ts'

const uses = (dialect: SqlDialect): string[] => [
  // The reference keeps a version from going even where nobody asked whether it may.
  `CREATE TABLE version_uses (
    owner TEXT NOT NULL,
    model_key ${int(dialect)} NOT NULL,
    version ${int(dialect)} NOT NULL,
    since_time ${int(dialect)} NOT NULL,
    PRIMARY KEY (owner, model_key, version),
    FOREIGN KEY (model_key, version) REFERENCES model_versions
  )${clustered(dialect)}`,
  'CREATE INDEX version_uses_by_version ON version_uses (model_key, version)',
]

/** Who uses which version. */
export const usesMigration: Migration = {
  id: '0012-version-uses',
  statements: (dialect) => byBytes(uses(dialect), dialect),
}
