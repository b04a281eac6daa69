import type { Migration } from '../../ports/index.ts'
import { byBytes, clustered, int } from '../columns.ts'

/** Uploads of artifacts in parts: where each goes and, once it is finished, what came of it. */
export const uploadsMigration: Migration = {
  id: '0003-uploads',
  statements: (dialect) =>
    byBytes(
      [
        `CREATE TABLE artifact_uploads (
          upload_id TEXT PRIMARY KEY,
          path TEXT NOT NULL,
          created_time ${int(dialect)} NOT NULL,
          digest TEXT
        )${clustered(dialect)}`,
        'CREATE INDEX artifact_uploads_by_time ON artifact_uploads (created_time)',
      ],
      dialect,
    ),
}
