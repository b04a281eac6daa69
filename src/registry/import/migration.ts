import type { Migration, SqlDialect } from '../../ports/index.ts'
import { byBytes, clustered, int } from '../columns.ts'

const imports = (dialect: SqlDialect): string[] => [
  // What an import made, by the id it has here, and the SHA-256 of what it was made of. version_last: of a registered
  // model, the highest number that the import spoke for.
  `CREATE TABLE import_marks (
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    digest TEXT NOT NULL,
    version_last ${int(dialect)},
    imported_time ${int(dialect)} NOT NULL,
    PRIMARY KEY (kind, id)
  )${clustered(dialect)}`,
  // Experiments may have another id here; they are known by what they were there.
  `CREATE TABLE imported_experiments (
    origin TEXT PRIMARY KEY,
    experiment_id ${int(dialect)} NOT NULL REFERENCES experiments ON DELETE CASCADE,
    digest TEXT NOT NULL,
    imported_time ${int(dialect)} NOT NULL
  )${clustered(dialect)}`,
]

/** What came from other stores. */
export const importMigration: Migration = {
  id: '0016-import',
  statements: (dialect) => byBytes(imports(dialect), dialect),
}
