import { describe, expect, it } from 'vitest'
import type { Database, SqlRow } from '../../ports/index.ts'
import { registryMigrations } from '../../registry/index.ts'

interface Column {
  readonly type: string
  /** Whether a row that doesn't name it is refused. */
  readonly isNeeded: boolean
  readonly notNull: boolean
}

/** Of each table its columns, and the lists of columns that are unique. */
type Schema = ReadonlyMap<string, { readonly columns: ReadonlyMap<string, Column>; readonly keys: ReadonlySet<string> }>

interface ColumnRow extends SqlRow {
  readonly table_name: string
  readonly name: string
  readonly type: string
  readonly not_null: number
  readonly has_default: number
}

const sqlite = {
  columns: `SELECT t.name AS table_name, c.name, c.type, c."notnull" AS not_null,
      c.dflt_value IS NOT NULL OR (c.pk > 0 AND c.type = 'INTEGER') AS has_default
    FROM sqlite_master t JOIN pragma_table_info(t.name) c WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%'`,
  keys: `SELECT t.name AS table_name, i.name AS key_name, c.name AS column_name
    FROM sqlite_master t JOIN pragma_index_list(t.name) i JOIN pragma_index_info(i.name) c
    WHERE t.type = 'table' AND i."unique" = 1 ORDER BY c.seqno`,
}

const postgres = {
  columns: `SELECT table_name, column_name AS name, data_type AS type, CASE is_nullable WHEN 'NO' THEN 1 ELSE 0 END AS not_null,
      CASE WHEN column_default IS NOT NULL OR is_identity = 'YES' THEN 1 ELSE 0 END AS has_default
    FROM information_schema.columns WHERE table_schema = current_schema()`,
  keys: `SELECT t.relname AS table_name, i.relname AS key_name, a.attname AS column_name
    FROM pg_index x JOIN pg_class t ON t.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid
    JOIN pg_attribute a ON a.attrelid = i.oid WHERE x.indisunique AND t.relnamespace = current_schema()::regnamespace
    ORDER BY a.attnum`,
}

const schemaOf = async (db: Database): Promise<Schema> => {
  const sql = db.dialect === 'sqlite' ? sqlite : postgres
  const schema = new Map<string, { columns: Map<string, Column>; keys: Set<string> }>()
  for (const row of await db.query<ColumnRow>(sql.columns)) {
    const table = schema.get(row.table_name) ?? { columns: new Map<string, Column>(), keys: new Set<string>() }
    const notNull = row.not_null === 1
    table.columns.set(row.name, { type: row.type, notNull, isNeeded: notNull && row.has_default === 0 })
    schema.set(row.table_name, table)
  }
  const keys = new Map<string, { table: string; columns: string[] }>()
  for (const row of await db.query<{ table_name: string; key_name: string; column_name: string }>(sql.keys)) {
    const key = keys.get(row.key_name) ?? { table: row.table_name, columns: [] }
    key.columns.push(row.column_name)
    keys.set(row.key_name, key)
  }
  for (const { table, columns } of keys.values()) schema.get(table)?.keys.add(columns.join(', '))
  return schema
}

/** What a server that knows only the schema before would trip over. */
const breaches = (before: Schema, after: Schema): readonly string[] =>
  [...before].flatMap(([table, { columns, keys }]) => {
    const now = after.get(table)
    if (now === undefined) return [`the table ${table} is gone`]
    const changed = [...columns].flatMap(([name, column]) => {
      const found = now.columns.get(name)
      if (found === undefined) return [`the column ${table}.${name} is gone`]
      if (found.type !== column.type) return [`the column ${table}.${name} has another type`]
      return found.notNull && !column.notNull ? [`the column ${table}.${name} takes no NULL any more`] : []
    })
    const added = [...now.columns].filter(([name, { isNeeded }]) => !columns.has(name) && isNeeded)
    return [
      ...changed,
      ...added.map(([name]) => `the new column ${table}.${name} must be given`),
      ...[...keys].filter((key) => !now.keys.has(key)).map((key) => `${table} (${key}) is not unique any more`),
      ...[...now.keys].filter((key) => !keys.has(key)).map((key) => `${table} (${key}) must be unique now`),
    ]
  })

/** Runs migrations one after another; after each statement the schema before its migration must still be there. */
const run = async (
  db: Database,
  migrations: readonly { readonly id: string; readonly statements: readonly string[] }[],
): Promise<readonly string[]> => {
  const found: string[] = []
  for (const { id, statements } of migrations) {
    const before = await schemaOf(db)
    for (const statement of statements) {
      await db.query(statement)
      found.push(...breaches(before, await schemaOf(db)).map((breach) => `${id}: ${breach}`))
    }
  }
  return found
}

/** Servers of two versions share a database while one is replaced by the other: migrations only ever add. */
export const describeMigrations = (name: string, open: () => Promise<Database & AsyncDisposable>): void => {
  describe(`the migrations of a registry on ${name}`, () => {
    it('leave everything that a server of the version before reads and writes', async () => {
      await using db = await open()
      const all = registryMigrations.map(({ id, statements }) => ({ id, statements: statements(db.dialect) }))
      expect(all.length).toBeGreaterThan(10)
      expect(await run(db, all)).toEqual([])
      expect((await schemaOf(db)).size).toBeGreaterThan(40)
    })

    const tables = [
      'CREATE TABLE a (id BIGINT PRIMARY KEY, name TEXT)',
      'CREATE TABLE b (id BIGINT, name TEXT)',
      'CREATE UNIQUE INDEX b_by_name ON b (name)',
    ]
    const found = async (db: Database, statement: string): Promise<readonly string[]> => {
      expect(await run(db, [{ id: '1', statements: tables }])).toEqual([])
      return run(db, [{ id: '2', statements: [statement] }])
    }

    it.each([
      ['the table b is gone', 'DROP TABLE b'],
      ['the table b is gone', 'ALTER TABLE b RENAME TO c'],
      ['the column a.name is gone', 'ALTER TABLE a DROP COLUMN name'],
      ['the column a.name is gone', 'ALTER TABLE a RENAME COLUMN name TO title'],
      ['a (id, name) must be unique now', 'CREATE UNIQUE INDEX a_once ON a (id, name)'],
      ['b (name) is not unique any more', 'DROP INDEX b_by_name'],
    ])('would be found out: %s', async (breach, statement) => {
      await using db = await open()
      expect(await found(db, statement)).toEqual([`2: ${breach}`])
    })

    it.each([
      'ALTER TABLE a ADD COLUMN more TEXT',
      `ALTER TABLE a ADD COLUMN more TEXT NOT NULL DEFAULT ''`,
      'CREATE TABLE c (id BIGINT PRIMARY KEY, name TEXT NOT NULL UNIQUE)',
      'CREATE INDEX a_by_name ON a (name)',
    ])('may do what only adds: %s', async (statement) => {
      await using db = await open()
      expect(await found(db, statement)).toEqual([])
    })

    it('would be found out: a column that must be given', async () => {
      await using db = await open()
      await db.query('CREATE TABLE a (id BIGINT PRIMARY KEY)')
      const before = await schemaOf(db)
      // SQLite refuses such a column in an ALTER TABLE, so that a migration could only make the table anew.
      for (const sql of ['DROP TABLE a', 'CREATE TABLE a (id BIGINT PRIMARY KEY, more TEXT NOT NULL)'])
        await db.query(sql)
      expect(breaches(before, await schemaOf(db))).toEqual(['the new column a.more must be given'])
    })
  })
}
