import type { Migration, SqlDialect } from '../../ports/index.ts'
import { byBytes, clustered, int } from '../columns.ts'
import { parentTag } from './lineage-node.ts'

const lineage = (dialect: SqlDialect): string[] => [
  // What versions are copies of. The original may be deleted; the row tells of it still.
  `CREATE TABLE version_copies (
    model_key ${int(dialect)} NOT NULL,
    version ${int(dialect)} NOT NULL,
    source_key ${int(dialect)} NOT NULL,
    source_version ${int(dialect)} NOT NULL,
    PRIMARY KEY (model_key, version),
    FOREIGN KEY (model_key, version) REFERENCES model_versions ON DELETE CASCADE
  )${clustered(dialect)}`,
  'CREATE INDEX version_copies_by_source ON version_copies (source_key, source_version)',
  'CREATE INDEX datasets_by_name ON datasets (name, digest)',
  // Partial: only runs below others pay for it.
  `CREATE INDEX run_tags_by_parent ON run_tags (value) WHERE key = '${parentTag}'`,
]

/** Copies of versions, and ways from data sets to their runs and from runs to those below them. */
export const lineageMigration: Migration = {
  id: '0014-lineage',
  statements: (dialect) => byBytes(lineage(dialect), dialect),
}
