import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { SqlRow, SqlValue } from '../../ports/index.ts'
import { databaseError } from './database-error.ts'

/** Most statements kept ready. */
const keptMax = 500

/** Runs statements on one connection, and keeps the recently used ones prepared. */
export class Statements {
  readonly #connection: DatabaseSync
  readonly #kept = new Map<string, StatementSync>()

  constructor(connection: DatabaseSync) {
    this.#connection = connection
  }

  async all<Row extends SqlRow>(sql: string, args: readonly SqlValue[]): Promise<Row[]> {
    try {
      return this.#prepare(sql).all(...args.map(bound)) as Row[]
    } catch (error) {
      throw databaseError(error)
    }
  }

  async each(sql: string, argsOfEach: readonly (readonly SqlValue[])[]): Promise<void> {
    if (argsOfEach.length === 0) return
    try {
      const statement = this.#prepare(sql)
      for (const args of argsOfEach) statement.run(...args.map(bound))
    } catch (error) {
      throw databaseError(error)
    }
  }

  #prepare(sql: string): StatementSync {
    const kept = this.#kept.get(sql)
    if (kept !== undefined) {
      // The order of a Map is that of insertion: what is used last stands last.
      this.#kept.delete(sql)
      this.#kept.set(sql, kept)
      return kept
    }
    const statement = this.#connection.prepare(sql)
    this.#kept.set(sql, statement)
    const [oldest] = this.#kept.keys()
    if (this.#kept.size > keptMax && oldest !== undefined) this.#kept.delete(oldest)
    return statement
  }
}

/** SQLite would turn NaN into NULL, silently. */
const bound = (value: SqlValue): SqlValue => {
  if (typeof value === 'number' && Number.isNaN(value)) throw new TypeError('NaN can not be stored')
  return value
}
