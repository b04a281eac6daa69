import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, describe, expect, it } from 'vitest'
import { openDiskBlobs } from '../../src/adapters/disk/index.ts'
import type { Database, Queries } from '../../src/ports/index.ts'
import { migrate } from '../../src/ports/index.ts'
import { registryMigrations } from '../../src/registry/index.ts'
import { VirtualClock } from '../../src/testing/index.ts'
import { openForWrites, registryWrites } from '../e2e/registry-writes.ts'
import { openTestPostgres } from './open-test-postgres.ts'

const folder = mkdtempSync(join(tmpdir(), 'slipway-crash-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Waits before each statement of a transaction, and before its commit; a write by itself is a transaction as well. */
const watched = (db: Database, at: () => Promise<void>): Database => {
  const within = (tx: Queries): Queries => ({
    async query(sql, args) {
      await at()
      return tx.query(sql, args)
    },
    async executeMany(sql, argsOfEach) {
      await at()
      return tx.executeMany(sql, argsOfEach)
    },
  })
  const transact = <T>(fn: (tx: Queries) => Promise<T>): Promise<T> =>
    db.transact(async (tx) => {
      const value = await fn(within(tx))
      await at()
      return value
    })
  return {
    dialect: db.dialect,
    query: (sql, args) => (/^\s*select\b/i.test(sql) ? db.query(sql, args) : transact((tx) => tx.query(sql, args))),
    executeMany: (sql, argsOfEach) => transact((tx) => tx.executeMany(sql, argsOfEach)),
    transact,
    close: () => db.close(),
  }
}

/** Looks at the database from outside, and cuts the connections of the registry. */
class Outside implements AsyncDisposable {
  readonly #client: pg.Client
  #contentSql = ''
  #rewindSql = ''

  constructor(url: string) {
    this.#client = new pg.Client({ connectionString: url, application_name: 'outside' })
  }

  async open(): Promise<void> {
    await this.#client.connect()
    const { rows } = await this.#client.query<{ name: string }>(
      'SELECT tablename AS name FROM pg_tables WHERE schemaname = current_schema() ORDER BY tablename',
    )
    const each = rows.map(
      ({ name }) =>
        `SELECT '${name}' AS name, (SELECT string_agg(t::text, E'\\n' ORDER BY t::text COLLATE "C") FROM ${name} t) AS rows`,
    )
    this.#contentSql = each.join(' UNION ALL ')
    const { rows: serials } = await this.#client.query<{ sequence: string; name: string; column: string }>(
      `SELECT * FROM (SELECT pg_get_serial_sequence(quote_ident(table_name), column_name) AS sequence,
         table_name AS name, column_name AS column FROM information_schema.columns
         WHERE table_schema = current_schema()) s WHERE sequence IS NOT NULL`,
    )
    const sets = serials.map(
      ({ sequence, name, column }) =>
        `setval('${sequence}', GREATEST((SELECT MAX(${column}) FROM ${name}), 0) + 1, false)`,
    )
    expect(sets.length).toBeGreaterThan(5)
    this.#rewindSql = `SELECT ${sets.join(', ')}`
  }

  /** Everything that the database holds, as text. */
  async content(): Promise<string> {
    return JSON.stringify((await this.#client.query(this.#contentSql)).rows)
  }

  /** Ends the sessions of the registry, and returns once they are gone; gives how many there were. */
  async cut(): Promise<number> {
    const sessions = `FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'slipway'`
    const { rows } = await this.#client.query(`SELECT pg_terminate_backend(pid) ${sessions}`)
    // The server's own way to wait for them looks only ten times a second.
    while ((await this.#client.query(`SELECT 1 ${sessions}`)).rows.length > 0);
    return rows.length
  }

  /** Gives numbers that were taken by what was rolled back out again: the writes name rows by number. */
  async rewind(): Promise<void> {
    await this.#client.query(this.#rewindSql)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.end()
  }
}

describe('a connection to Postgres that is cut', () => {
  it('at any statement of any write leaves nothing of it, and the write goes through afterwards', async () => {
    await using postgres = await openTestPostgres()
    const clock = new VirtualClock()
    // One, so that what is cut is what works, and no write waits for a second connection.
    const db = postgres.open({ connectionsMax: 1 })
    await migrate(db, registryMigrations, clock)
    let statements = 0
    let cutAt = -1
    let cuts = 0
    await using outside = new Outside(postgres.url)
    await outside.open()
    const at = async (): Promise<void> => {
      if (statements++ !== cutAt) return
      cuts++
      expect(await outside.cut()).toBe(1)
    }
    const blobs = await openDiskBlobs({ root: join(folder, 'blobs'), clock, newId: () => 'a' })
    const registry = await openForWrites({ db: watched(db, at), blobs, clock })
    for (const [index, write] of registryWrites(registry).entries()) {
      await clock.advance(1000)
      const before = await outside.content()
      for (cutAt = 0; ; cutAt++) {
        statements = 0
        const cutsBefore = cuts
        const failure = await write().then(
          () => undefined,
          (error: unknown) => error,
        )
        const where = `write ${index}, statement ${cutAt}`
        if (cuts === cutsBefore) {
          expect(failure, where).toBeUndefined()
          break
        }
        expect(failure, where).toMatchObject({ code: 'database_unavailable' })
        expect(await outside.content(), where).toBe(before)
        await outside.rewind()
      }
      expect(await outside.content(), `write ${index}`).not.toBe(before)
    }
    await db.close()
    expect(cuts).toBeGreaterThan(300)
  })
})
