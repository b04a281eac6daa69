import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
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
