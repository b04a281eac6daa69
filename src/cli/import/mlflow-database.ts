import { existsSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import type { KeyValue } from '../../protocol/index.ts'
import { Refusal } from '../command.ts'

type Value = string | number | null

/** A row by the names of its columns; columns that this version of MLflow doesn't have are null. */
export type DatabaseRow = Readonly<Record<string, Value>>

/** Rows of one page, unless the reader says that rows are large. */
const rowsAPage = 1000

export interface Rows {
  /** What tells rows apart within `where`, and orders them. */
  readonly key: readonly string[]
  readonly where?: string
  readonly args?: readonly Value[]
  readonly pageRows?: number
}

/** MLflow's SQLite database, opened for reading. What it holds is somebody else's: only plain tables are read. */
export class MlflowDatabase implements Disposable {
  readonly #db: DatabaseSync
  readonly #columns = new Map<string, ReadonlySet<string>>()

  constructor(path: string) {
    if (!existsSync(path)) throw new Refusal(`there is no file '${path}'`)
    try {
      this.#db = new DatabaseSync(path, { readOnly: true })
      // Why: views and defaults of the file could call functions; and a damaged page is to be noticed, not followed.
      this.#db.exec('PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON')
      this.#readTables()
    } catch (error) {
      throw new Refusal(`'${path}' can't be read as a SQLite database: ${(error as Error).message}`)
    }
    if (!this.has('experiments') || !this.has('runs'))
      throw new Refusal(`'${path}' is no database of MLflow: it has no experiments and runs`)
  }

  has(table: string): boolean {
    return this.#columns.has(table)
  }

  hasColumn(table: string, column: string): boolean {
    return this.#columns.get(table)?.has(column) === true
  }

  /** Rows of a table in the order of a key, a page at a time, each beginning behind the last one. */
  *rows(
    table: string,
    columns: readonly string[],
    { key, where = '1 = 1', args = [], pageRows = rowsAPage }: Rows,
  ): Generator<DatabaseRow> {
    if (!this.has(table)) return
    const selected = [...new Set([...columns, ...key])].map((column) => this.#selected(table, column)).join(', ')
    const order = key.map(quoted).join(', ')
    let after: Value[] | undefined
    for (;;) {
      const behind = after === undefined ? '' : ` AND (${order}) > (${key.map(() => '?').join(', ')})`
      const sql = `SELECT ${selected} FROM ${quoted(table)} WHERE ${where}${behind} ORDER BY ${order} LIMIT ${pageRows}`
      const page = this.#all(sql, [...args, ...(after ?? [])])
      yield* page
      const last = page.at(-1)
      if (last === undefined || page.length < pageRows) return
      after = key.map((column) => last[column] ?? null)
    }
  }

  /** Pairs of key and value, by the key; their columns may begin with a prefix. */
  pairs(
    table: string,
    { where, args, prefix = '' }: { where: string; args: readonly Value[]; prefix?: string },
  ): KeyValue[] {
    const [key, value] = [`${prefix}key`, `${prefix}value`]
    return Array.from(this.rows(table, [value], { key: [key], where, args }), (row) => ({
      key: textOf(row, key) ?? '',
      value: textOf(row, value) ?? '',
    }))
  }

  count(table: string, where = '1 = 1'): number {
    if (!this.has(table)) return 0
    return Number(this.#all(`SELECT COUNT(*) AS n FROM ${quoted(table)} WHERE ${where}`, [])[0]?.['n'] ?? 0)
  }

  [Symbol.dispose](): void {
    this.#db.close()
  }

  #readTables(): void {
    const tables = this.#db.prepare(`SELECT name, sql FROM sqlite_master WHERE type = 'table'`).all()
    for (const { name, sql } of tables) {
      if (typeof name !== 'string' || typeof sql !== 'string' || /^\s*CREATE\s+VIRTUAL/i.test(sql)) continue
      const columns = this.#db.prepare(`SELECT name FROM pragma_table_xinfo(?)`).all(name)
      this.#columns.set(name, new Set(columns.map((column) => String(column['name']))))
    }
  }

  #selected(table: string, column: string): string {
    if (column !== 'rowid' && !this.hasColumn(table, column)) return `NULL AS ${quoted(column)}`
    return column === 'rowid' ? 'rowid' : quoted(column)
  }

  #all(sql: string, args: readonly Value[]): DatabaseRow[] {
    try {
      const statement = this.#db.prepare(sql)
      statement.setReadBigInts(true)
      return statement
        .all(...args)
        .map((row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, valueOf(value)])))
    } catch (error) {
      throw new Refusal(`the database can't be read: ${(error as Error).message}`)
    }
  }
}

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`

const valueOf = (value: unknown): Value => {
  if (typeof value === 'bigint') return Number(value)
  if (value instanceof Uint8Array) return Buffer.from(value).toString('utf8')
  return value as Value
}

export const textOf = (row: DatabaseRow, column: string): string | undefined => {
  const value = row[column]
  return value === null || value === undefined ? undefined : String(value)
}

export const numberIn = (row: DatabaseRow, column: string): number | undefined => {
  const value = row[column]
  return typeof value === 'number' ? value : undefined
}
