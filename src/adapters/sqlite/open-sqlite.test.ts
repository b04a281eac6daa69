import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Queries } from '../../ports/index.ts'
import { describeDatabase } from '../../testing/contracts/describe-database.ts'
import { VirtualClock } from '../../testing/virtual-clock.ts'
import { openSqlite } from './open-sqlite.ts'

const clock = new VirtualClock()

describeDatabase('SQLite in memory', () => {
  const db = openSqlite({ path: ':memory:', clock })
  return Promise.resolve({ db, clock, [Symbol.asyncDispose]: () => db.close().catch(() => {}) })
})

describeDatabase('SQLite in a file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-sqlite-'))
  const path = join(folder, 'test.db')
  const db = openSqlite({ path, clock })
  return Promise.resolve({
    db,
    clock,
    again: () => openSqlite({ path, clock }),
    async [Symbol.asyncDispose]() {
      await db.close().catch(() => {})
      rmSync(folder, { recursive: true })
    },
  })
})

describe('SQLite in a file', () => {
  const pragma = async (queries: Queries, name: string): Promise<unknown> =>
    (await queries.query(`PRAGMA ${name}`))[0]?.[name]

  it('syncs every commit before it is acknowledged, by the settings of the very connection that writes', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'slipway-sqlite-'))
    const db = openSqlite({ path: join(folder, 'test.db'), clock })
    try {
      await db.query('CREATE TABLE t (id BIGINT)')
      const within = await db.transact(async (tx) => [
        await pragma(tx, 'synchronous'),
        await pragma(tx, 'journal_mode'),
        await pragma(tx, 'foreign_keys'),
      ])
      // 2 is FULL: the log is synced by each commit.
      expect(within).toEqual([2, 'wal', 1])
    } finally {
      await db.close()
      rmSync(folder, { recursive: true })
    }
  })
})
