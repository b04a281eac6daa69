import { DatabaseSync } from 'node:sqlite'
import type { Clock } from '../../lib/index.ts'
import type { Database, Queries, SqlRow, SqlValue } from '../../ports/index.ts'
import { GroupCommit } from './group-commit.ts'
import { isWrite } from './is-write.ts'
import { Statements } from './statements.ts'

export interface SqliteOptions {
  /** Path of the file, or `:memory:`. */
  readonly path: string
  readonly clock: Clock
}

/** How long a statement waits for another process that holds the file. */
const busyTimeoutMs = 5000
/** Pages in the write-ahead log at which SQLite moves them into the file: about 16 MB. */
const checkpointPages = 4000

/**
 * A database in one file. Writes go through one connection, and those that wait together are synced together; reads have
 * a connection of their own and see what is committed.
 */
export const openSqlite = ({ path, clock }: SqliteOptions): Database => {
  const connect = (): DatabaseSync => {
    const connection = new DatabaseSync(path, { timeout: busyTimeoutMs, enableForeignKeyConstraints: true })
    // Why: acknowledged writes must survive a power cut, so each commit syncs the log.
    connection.exec(
      `PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = ${checkpointPages};
       PRAGMA case_sensitive_like = ON; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16000;`,
    )
    return connection
  }
  const writer = connect()
  const inMemory = path === ':memory:'
  const reader = inMemory ? writer : connect()
  const writes = new Statements(writer)
  const reads = inMemory ? writes : new Statements(reader)
  const commits = new GroupCommit(writer, clock)
  const within: Queries = {
    query: <Row extends SqlRow>(sql: string, args: readonly SqlValue[] = []) => writes.all<Row>(sql, args),
    executeMany: (sql, argsOfEach) => writes.each(sql, argsOfEach),
  }
  return {
    dialect: 'sqlite',
    query: <Row extends SqlRow>(sql: string, args: readonly SqlValue[] = []) => {
      // Why: with one connection, a read in the middle of a transaction would see its unfinished work.
      if (inMemory || isWrite(sql)) return commits.run(() => writes.all<Row>(sql, args))
      return reads.all<Row>(sql, args)
    },
    executeMany: (sql, argsOfEach) => commits.run(() => writes.each(sql, argsOfEach)),
    transact: (fn) => commits.run(() => fn(within)),
    async close() {
      await commits.close()
      if (!inMemory) reader.close()
      writer.close()
    },
  }
}
