import type { Database } from '../ports/index.ts'
import { migrate } from '../ports/index.ts'
import { registryMigrations } from '../registry/index.ts'
import { VirtualClock } from './virtual-clock.ts'

const tablesOf = async (db: Database): Promise<readonly string[]> => {
  const rows = await db.query<{ name: string }>(
    db.dialect === 'sqlite'
      ? `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name`
      : `SELECT tablename AS name FROM pg_tables WHERE schemaname = current_schema() ORDER BY tablename`,
  )
  return rows.map(({ name }) => name)
}

/** Leaves an empty database as a newer server would: with a table that is not known here, and a column more in each that is. */
export const withLaterSchema = async (db: Database): Promise<Database> => {
  const clock = new VirtualClock()
  await migrate(db, registryMigrations, clock)
  const tables = await tablesOf(db)
  const later = {
    id: '9999-later',
    statements: () => [
      'CREATE TABLE added_later (id BIGINT PRIMARY KEY, name TEXT NOT NULL)',
      ...tables.map((table) => `ALTER TABLE ${table} ADD COLUMN added_later TEXT`),
    ],
  }
  await migrate(db, [...registryMigrations, later], clock)
  return db
}
