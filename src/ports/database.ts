/** What a statement may be given, and what comes back. Integers stay within ±(2^53 - 1). */
export type SqlValue = string | number | null | Uint8Array

export type SqlRow = Readonly<Record<string, SqlValue>>

/** Where statements can be run: on the database itself, or inside a transaction. */
export interface Queries {
  /**
   * Rows of one statement, in SQL that SQLite and Postgres share. `?` stands for the next argument. A write gives rows
   * by RETURNING. Fails with `storage_full` or `database_unavailable` when the database can't do it now.
   */
  query<Row extends SqlRow = SqlRow>(sql: string, args?: readonly SqlValue[]): Promise<Row[]>
  /** Runs one write once for each list of arguments, in their order; far cheaper than so many queries. */
  executeMany(sql: string, argsOfEach: readonly (readonly SqlValue[])[]): Promise<void>
}

export type SqlDialect = 'sqlite' | 'postgres'

/**
 * A relational database. Once `transact` has resolved, what it wrote survives a crash of the process and of the machine.
 * A write outside `transact` is a transaction of its own.
 */
export interface Database extends Queries {
  readonly dialect: SqlDialect
  /**
   * Runs `fn` as one transaction: all of it or, when it throws, none of it. Transactions don't see one another's
   * unfinished work. `fn` waits for nothing but its own queries, since on SQLite every other writer waits for it.
   */
  transact<T>(fn: (tx: Queries) => Promise<T>): Promise<T>
  close(): Promise<void>
}

/** A step from one schema to the next. Steps only add: a server of the version before runs on the result. */
export interface Migration {
  /** Number and name, for example `0001-tracking`; applied once, in the order of the list. */
  readonly id: string
  statements(dialect: SqlDialect): readonly string[]
}
