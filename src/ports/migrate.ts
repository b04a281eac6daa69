import type { Clock } from '../lib/index.ts'
import type { Database, Migration } from './database.ts'

/** Any number will do, as long as every server of one database takes the same. */
const advisoryLock = 7_226_180

/**
 * Brings the schema up to date. Of several processes that start at once one migrates and the others wait. Migrations
 * that this version doesn't know are left alone: they only add, so that it runs beside a newer one.
 */
export const migrate = async (
  db: Database,
  migrations: readonly Migration[],
  clock: Clock,
): Promise<readonly string[]> => {
  await db.transact(async (tx) => {
    if (db.dialect === 'postgres') await tx.query('SELECT pg_advisory_xact_lock(?)', [advisoryLock])
    await tx.query('CREATE TABLE IF NOT EXISTS schema_migrations (id TEXT PRIMARY KEY, applied_time BIGINT NOT NULL)')
  })
  return db.transact(async (tx) => {
    // Why: the lock comes before the first look at the table, whose snapshot is then the one that holds.
    if (db.dialect === 'postgres') await tx.query('LOCK TABLE schema_migrations IN ACCESS EXCLUSIVE MODE')
    const rows = await tx.query<{ id: string }>('SELECT id FROM schema_migrations')
    const applied = new Set(rows.map((row) => row.id))
    const missing = migrations.filter((migration) => !applied.has(migration.id))
    for (const migration of missing) {
      for (const statement of migration.statements(db.dialect)) await tx.query(statement)
      await tx.query('INSERT INTO schema_migrations (id, applied_time) VALUES (?, ?)', [migration.id, clock.wallMs()])
    }
    return missing.map((migration) => migration.id)
  })
}
