import pg from 'pg'
import type { Clock, Random } from '../../lib/index.ts'
import type { Database, Queries, SqlRow, SqlValue } from '../../ports/index.ts'
import { fail } from '../../protocol/index.ts'
import { databaseError, isConflict, isLost } from './database-error.ts'
import { insertParts, numbered } from './statement-text.ts'

export interface PostgresOptions {
  /** `postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=…` */
  readonly url: string
  readonly clock: Clock
  readonly random: Random
  /** Most connections at once. */
  readonly connectionsMax?: number
  /** Longest time of one statement, and of waiting for a connection. */
  readonly statementMs?: number
  readonly connectMs?: number
}

/** A transaction that met another is run again so often; the pauses between grow to `pauseMaxMs`. */
const attemptsMax = 30
const pauseMaxMs = 100
/** Postgres bounds the arguments of a statement to 65,535. */
const argumentsMax = 30_000
/** Statements that are kept prepared on each connection; the ones asked for first. */
const preparedMax = 500

const bigint = 20
const numeric = 1700
const boolean = 16

/** Integers and truth values come as the numbers that SQLite gives. */
const parse = {
  [bigint]: (text: string): number => {
    const value = Number(text)
    if (!Number.isSafeInteger(value)) throw new RangeError(`${text} is beyond the integers that are exact`)
    return value
  },
  [numeric]: Number,
  [boolean]: (text: string): number => (text === 't' ? 1 : 0),
} as const

const types = {
  getTypeParser: (oid: number, format?: 'text' | 'binary'): unknown =>
    oid in parse ? parse[oid as keyof typeof parse] : pg.types.getTypeParser(oid, format as 'text'),
}

/** Postgres has NaN, SQLite would lose it: nobody may count on it. */
const bound = (value: SqlValue): SqlValue => {
  if (typeof value === 'number' && Number.isNaN(value)) throw new TypeError('NaN can not be stored')
  return value
}

type Prepared = (sql: string) => { text: string; name?: string }

/** Names for the statements that are asked for first; the others go without. */
const preparing = (): Prepared => {
  const names = new Map<string, string>()
  return (sql) => {
    const text = numbered(sql)
    const known = names.get(text)
    if (known !== undefined) return { text, name: known }
    if (names.size >= preparedMax) return { text }
    const name = `s${names.size}`
    names.set(text, name)
    return { text, name }
  }
}

const openPool = ({ url, connectionsMax = 10, statementMs = 30_000, connectMs = 5000 }: PostgresOptions): pg.Pool => {
  const pool = new pg.Pool({
    connectionString: url,
    max: connectionsMax,
    connectionTimeoutMillis: connectMs,
    statement_timeout: statementMs,
    // Why: the server's own limit doesn't help when its machine is gone.
    query_timeout: statementMs + 1000,
    idle_in_transaction_session_timeout: statementMs,
    keepAlive: true,
    types: types as pg.CustomTypesConfig,
    application_name: 'slipway',
  })
  // An idle connection that breaks is replaced; whoever asks next hears of it if it still matters.
  pool.on('error', () => {})
  return pool
}

/**
 * A Postgres database. Transactions are serializable (Ports and Grittner, VLDB 2012): what a transaction read still holds
 * when it commits, and one that would break this is run again, so that stores are written as if they were alone. A
 * connection that is lost fails what ran on it; the next statement takes another.
 */
export const openPostgres = (options: PostgresOptions): Database => new PostgresDatabase(options)

class PostgresDatabase implements Database {
  readonly dialect = 'postgres'
  readonly #options: PostgresOptions
  readonly #pool: pg.Pool
  readonly #prepared = preparing()
  readonly #asked = new Set<Promise<unknown>>()
  #repeating: Promise<void> = Promise.resolve()

  constructor(options: PostgresOptions) {
    this.#options = options
    this.#pool = openPool(options)
  }

  query<Row extends SqlRow>(sql: string, args: readonly SqlValue[] = []): Promise<Row[]> {
    if (!/^\s*select\b/i.test(sql)) return this.transact((tx) => tx.query<Row>(sql, args))
    return this.#tracked(this.#select<Row>(sql, args))
  }

  executeMany(sql: string, argsOfEach: readonly (readonly SqlValue[])[]): Promise<void> {
    return this.transact((tx) => tx.executeMany(sql, argsOfEach))
  }

  transact<T>(fn: (tx: Queries) => Promise<T>): Promise<T> {
    return this.#tracked(this.#transact(fn))
  }

  /** Finishes what was asked. */
  async close(): Promise<void> {
    await Promise.all(this.#asked)
    await this.#pool.end()
  }

  #tracked<T>(work: Promise<T>): Promise<T> {
    const settled: Promise<unknown> = work.then(
      () => this.#asked.delete(settled),
      () => this.#asked.delete(settled),
    )
    this.#asked.add(settled)
    return work
  }

  async #select<Row extends SqlRow>(sql: string, args: readonly SqlValue[]): Promise<Row[]> {
    try {
      return (await this.#pool.query<Row>({ ...this.#prepared(sql), values: args.map(bound) })).rows
    } catch (error) {
      throw databaseError(error)
    }
  }

  async #transact<T>(fn: (tx: Queries) => Promise<T>): Promise<T> {
    try {
      return await this.#once(fn)
    } catch (error) {
      if (!isConflict(error)) throw databaseError(error)
    }
    // Why: writers of one row that all repeat at once would stay in one another's way; one after another they don't.
    const turn = this.#repeating.then(() => this.#repeat(fn))
    this.#repeating = turn.then(
      () => {},
      () => {},
    )
    return turn
  }

  /** Runs a transaction that met another again, until no other process is in its way. */
  async #repeat<T>(fn: (tx: Queries) => Promise<T>): Promise<T> {
    const { clock, random } = this.#options
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#once(fn)
      } catch (error) {
        if (!isConflict(error)) throw databaseError(error)
        if (attempt === attemptsMax) throw fail('database_unavailable', { reason: 'too many writers at once' }, error)
        const pauseMs = random.next() * Math.min(pauseMaxMs, 2 ** attempt)
        await new Promise<void>((resolve) => clock.setTimer(resolve, pauseMs))
      }
    }
  }

  async #once<T>(fn: (tx: Queries) => Promise<T>): Promise<T> {
    const client = await this.#pool.connect()
    let broken: Error | undefined
    // Why: a connection may break between two statements, when nobody waits for one.
    const onError = (error: Error): void => void (broken = error)
    client.on('error', onError)
    try {
      await client.query('BEGIN ISOLATION LEVEL SERIALIZABLE')
      const value = await fn(this.#on(client))
      await client.query('COMMIT')
      return value
    } catch (error) {
      if (isLost(error)) broken ??= error as Error
      else await client.query('ROLLBACK').catch((failure: Error) => (broken = failure))
      throw error
    } finally {
      client.off('error', onError)
      client.release(broken)
    }
  }

  #on(client: pg.ClientBase): Queries {
    return {
      query: async <Row extends SqlRow>(sql: string, args: readonly SqlValue[] = []) =>
        (await client.query<Row>({ ...this.#prepared(sql), values: args.map(bound) })).rows,
      executeMany: (sql, argsOfEach) => executeMany(client, this.#prepared, sql, argsOfEach),
    }
  }
}

/** Rows that can go into one statement: as many as it takes, and none with the key of one before. */
const batches = function* (
  argsOfEach: readonly (readonly SqlValue[])[],
  places: number,
  key: readonly number[] | undefined,
): Generator<(readonly SqlValue[])[]> {
  const rowsMax = Math.floor(argumentsMax / places)
  let batch: (readonly SqlValue[])[] = []
  let keys = new Set<string>()
  for (const args of argsOfEach) {
    const own = key === undefined ? undefined : JSON.stringify(key.map((place) => args[place]))
    if (batch.length === rowsMax || (own !== undefined && keys.has(own))) {
      yield batch
      batch = []
      keys = new Set()
    }
    if (own !== undefined) keys.add(own)
    batch.push(args)
  }
  if (batch.length > 0) yield batch
}

const executeMany = async (
  client: pg.ClientBase,
  prepared: Prepared,
  sql: string,
  argsOfEach: readonly (readonly SqlValue[])[],
): Promise<void> => {
  const insert = insertParts(sql)
  if (insert === undefined) {
    for (const args of argsOfEach) await client.query({ ...prepared(sql), values: args.map(bound) })
    return
  }
  const row = `(${Array.from({ length: insert.places }, () => '?').join(', ')})`
  for (const batch of batches(argsOfEach, insert.places, insert.key)) {
    const text = numbered(`${insert.head}${batch.map(() => row).join(', ')}${insert.tail}`)
    await client.query({ text, values: batch.flat().map(bound) })
  }
}
