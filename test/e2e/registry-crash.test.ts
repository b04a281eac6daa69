import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { afterAll, describe, expect, it } from 'vitest'
import { openDiskBlobs } from '../../src/adapters/disk/index.ts'
import { openSqlite } from '../../src/adapters/sqlite/index.ts'
import type { Database, Queries } from '../../src/ports/index.ts'
import { migrate } from '../../src/ports/index.ts'
import { registryMigrations } from '../../src/registry/index.ts'
import { eventually, VirtualClock } from '../../src/testing/index.ts'
import { openForWrites, registryWrites } from './registry-writes.ts'
import { spawnServer } from './spawn-server.ts'

const folder = mkdtempSync(join(tmpdir(), 'slipway-crash-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** What only the collection of garbage writes, which its own tests stop at each step, or the migration. */
const writtenElsewhere = ['purges', 'swept_blobs', 'schema_migrations']

/** Everything that a database holds, as text: of each table its name and its rows. */
const contentOf = (path: string): string => {
  const db = new DatabaseSync(path)
  try {
    expect(db.prepare('PRAGMA integrity_check').all()).toEqual([{ integrity_check: 'ok' }])
    expect(db.prepare('PRAGMA foreign_key_check').all()).toEqual([])
    const tables = db.prepare(`SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name`).all()
    const rows = tables.map(({ name }) => [
      name,
      db
        .prepare(`SELECT * FROM "${String(name)}"`)
        .all()
        .map((row) => JSON.stringify(row))
        .sort((a, b) => (a < b ? -1 : 1)),
    ])
    return JSON.stringify(rows)
  } finally {
    db.close()
  }
}

/** Calls back before each statement, before the commit and after it. */
const watched = (db: Database, at: () => void): Database => {
  const watchedQueries = (queries: Queries): Queries => ({
    query(sql, args) {
      at()
      return queries.query(sql, args)
    },
    executeMany(sql, argsOfEach) {
      at()
      return queries.executeMany(sql, argsOfEach)
    },
  })
  const after = async <T>(work: Promise<T>): Promise<T> => {
    const value = await work
    at()
    return value
  }
  return {
    dialect: db.dialect,
    query(sql, args) {
      at()
      return after(db.query(sql, args))
    },
    executeMany(sql, argsOfEach) {
      at()
      return after(db.executeMany(sql, argsOfEach))
    },
    transact: (fn) =>
      after(
        db.transact(async (tx) => {
          const value = await fn(watchedQueries(tx))
          at()
          return value
        }),
      ),
    close: () => db.close(),
  }
}

describe('a crash', () => {
  // What a killed process leaves is what its files hold at that moment, so that copies stand for the kills.
  it('at any statement of any write leaves what was acknowledged, and of the rest all or nothing', async () => {
    const clock = new VirtualClock()
    const path = join(folder, 'live.db')
    let copies = 0
    let acknowledged = -1
    const crashes: { readonly path: string; readonly acknowledged: number }[] = []
    const copy = (): string => {
      const to = join(folder, `${++copies}`)
      mkdirSync(to)
      for (const end of ['', '-wal']) if (existsSync(path + end)) copyFileSync(path + end, join(to, `db${end}`))
      return join(to, 'db')
    }
    const db = openSqlite({ path, clock })
    await migrate(db, registryMigrations, clock)
    const crash = (): void => void (acknowledged >= 0 && crashes.push({ path: copy(), acknowledged }))
    const blobs = await openDiskBlobs({ root: join(folder, 'blobs'), clock, newId: () => 'a' })
    const registry = await openForWrites({ db: watched(db, crash), blobs, clock })
    const contents = [contentOf(copy())]
    for (const write of registryWrites(registry)) {
      acknowledged = contents.length - 1
      await clock.advance(1000)
      await write()
      contents.push(contentOf(copy()))
    }
    await db.close()
    const tablesOf = (content: string) => new Map(JSON.parse(content) as [string, unknown][])
    const [empty = '', ...later] = contents
    const untouched = [...tablesOf(empty)].filter(([table, rows]) =>
      later.every((content) => isDeepStrictEqual(tablesOf(content).get(table), rows)),
    )
    expect(untouched.map(([table]) => table).filter((table) => !writtenElsewhere.includes(table))).toEqual([])
    expect(contents.findIndex((content, index) => content === contents[index - 1])).toBe(-1)
    expect(crashes.length).toBeGreaterThan(3 * contents.length)
    for (const left of crashes) {
      const content = contentOf(left.path)
      const allowed = [contents[left.acknowledged], contents[left.acknowledged + 1]]
      expect(allowed.includes(content), `after ${left.acknowledged} writes`).toBe(true)
    }
  })

  it('of a server that writes as fast as it can loses nothing that it acknowledged', async () => {
    const dataDir = join(folder, 'data')
    const start = async (): Promise<{ url: string; kill: () => Promise<void> }> => {
      const { http, kill } = await spawnServer(dataDir)
      return { url: http, kill }
    }
    const post = (url: string, body: unknown): Promise<Response> =>
      fetch(`${url}/api/slipway/v1/runs`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
    const first = await start()
    const acknowledged: string[] = []
    const writers = Array.from({ length: 16 }, async () => {
      for (;;) {
        const reply = await post(first.url, { name: 'run', tags: [{ key: 'k', value: 'v' }] }).catch(() => undefined)
        const run = reply?.ok === true ? await reply.json().catch(() => undefined) : undefined
        if (run === undefined) return
        acknowledged.push((run as { runId: string }).runId)
      }
    })
    await eventually('runs are written', () => (acknowledged.length > 300 ? true : undefined))
    await first.kill()
    await Promise.all(writers)
    const second = await start()
    try {
      for (const runId of acknowledged) {
        const reply = await fetch(`${second.url}/api/slipway/v1/runs/${runId}`)
        expect(reply.status).toBe(200)
        const { tags: kept } = (await reply.json()) as { tags: readonly { key: string }[] }
        expect(kept.map(({ key }) => key)).toContain('k')
      }
    } finally {
      await second.kill()
    }
  })
})
