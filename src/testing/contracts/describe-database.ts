import { describe, expect, it } from 'vitest'
import type { Clock } from '../../lib/index.ts'
import type { Database } from '../../ports/index.ts'
import { migrate } from '../../ports/index.ts'

export interface DatabaseUnderTest extends AsyncDisposable {
  readonly db: Database
  readonly clock: Clock
  /** Another connection to the same data; undefined where there is none. */
  again?(): Database
}

const table = 'CREATE TABLE t (id BIGINT PRIMARY KEY, name TEXT, amount DOUBLE PRECISION, bytes BYTEA)'

const withTable = async (open: () => Promise<DatabaseUnderTest>): Promise<DatabaseUnderTest> => {
  const test = await open()
  await test.db.query(test.db.dialect === 'sqlite' ? table.replace('BYTEA', 'BLOB') : table)
  return test
}

/** What every Database promises (see its port). `open` gives an empty one. */
export const describeDatabase = (name: string, open: () => Promise<DatabaseUnderTest>): void => {
  describe(`a database on ${name}`, () => {
    it('gives rows back as they went in', async () => {
      await using test = await withTable(open)
      const { db } = test
      const bytes = new Uint8Array([0, 255, 1])
      const rows = [
        [Number.MAX_SAFE_INTEGER, 'ü\u{1F600}\u0001', 0.1, bytes],
        [-1, '', -1.797e308, new Uint8Array()],
        [0, null, null, null],
      ] as const
      for (const row of rows) await db.query('INSERT INTO t (id, name, amount, bytes) VALUES (?, ?, ?, ?)', row)
      const read = await db.query('SELECT id, name, amount, bytes FROM t ORDER BY id DESC')
      expect(read.map((row) => [row['id'], row['name'], row['amount']])).toEqual([
        [Number.MAX_SAFE_INTEGER, 'ü\u{1F600}\u0001', 0.1],
        [0, null, null],
        [-1, '', -1.797e308],
      ])
      expect(Buffer.from(read[0]?.['bytes'] as Uint8Array)).toEqual(Buffer.from(bytes))
    })

    it('refuses NaN, which not every database can keep', async () => {
      await using test = await withTable(open)
      await expect(test.db.query('INSERT INTO t (id, amount) VALUES (1, ?)', [NaN])).rejects.toThrow('NaN')
    })

    it('gives what a write returns, and counts as whole numbers', async () => {
      await using test = await withTable(open)
      const { db } = test
      expect(await db.query('INSERT INTO t (id, name) VALUES (1, ?) RETURNING id, name', ['a'])).toEqual([
        { id: 1, name: 'a' },
      ])
      expect(
        await db.query('INSERT INTO t (id, name) VALUES (1, ?) ON CONFLICT (id) DO NOTHING RETURNING id', ['b']),
      ).toEqual([])
      expect(await db.query('SELECT COUNT(*) AS count, SUM(id) AS sum, MAX(id) = 1 AS truth FROM t')).toEqual([
        { count: 1, sum: 1, truth: 1 },
      ])
    })

    it('orders text by its bytes, and tells capitals apart in LIKE', async () => {
      await using test = await open()
      const { db } = test
      const text = db.dialect === 'postgres' ? 'TEXT COLLATE "C"' : 'TEXT'
      await db.query(`CREATE TABLE words (word ${text})`)
      await db.executeMany('INSERT INTO words (word) VALUES (?)', [['b'], ['a'], ['B'], ['é'], ['_']])
      expect((await db.query('SELECT word FROM words ORDER BY word')).map(({ word }) => word)).toEqual([
        'B',
        '_',
        'a',
        'b',
        'é',
      ])
      expect(await db.query('SELECT word FROM words WHERE word LIKE ?', ['B%'])).toEqual([{ word: 'B' }])
    })

    it('does all of a transaction or nothing', async () => {
      await using test = await withTable(open)
      const { db } = test
      const failing = db.transact(async (tx) => {
        await tx.query('INSERT INTO t (id) VALUES (1)')
        await tx.executeMany('INSERT INTO t (id) VALUES (?)', [[2], [3]])
        expect(await tx.query('SELECT COUNT(*) AS count FROM t')).toEqual([{ count: 3 }])
        throw new Error('no')
      })
      await expect(failing).rejects.toThrow('no')
      expect(await db.query('SELECT id FROM t')).toEqual([])
    })

    it('takes nobody else with a statement that fails', async () => {
      await using test = await withTable(open)
      const { db } = test
      const insert = (id: number): Promise<unknown> => db.query('INSERT INTO t (id) VALUES (?)', [id])
      const results = await Promise.allSettled([insert(1), insert(1), insert(2), db.query('SELECT nobody FROM t')])
      expect(results.filter(({ status }) => status === 'rejected')).toHaveLength(2)
      expect(await db.query('SELECT id FROM t ORDER BY id')).toEqual([{ id: 1 }, { id: 2 }])
    })

    it('loses none of a hundred transactions that read and write the same row', async () => {
      await using test = await withTable(open)
      const { db } = test
      await db.query('INSERT INTO t (id, amount) VALUES (1, 0)')
      const others = [db, test.again?.() ?? db]
      const increment = (database: Database): Promise<void> =>
        database.transact(async (tx) => {
          const [row] = await tx.query<{ amount: number }>('SELECT amount FROM t WHERE id = 1')
          await tx.query('UPDATE t SET amount = ? WHERE id = 1', [(row?.amount ?? 0) + 1])
        })
      await Promise.all(Array.from({ length: 100 }, (_, index) => increment(others[index % 2] ?? db)))
      expect(await db.query('SELECT amount FROM t')).toEqual([{ amount: 100 }])
      if (others[1] !== db) await others[1]?.close()
    })

    it('runs one write for many arguments in their order, also for a key that repeats', async () => {
      await using test = await withTable(open)
      const { db } = test
      await db.executeMany(
        'INSERT INTO t (id, name) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET name = excluded.name',
        [
          [1, 'a'],
          [2, 'b'],
          [1, 'c'],
        ],
      )
      await db.executeMany('UPDATE t SET amount = ? WHERE id = ?', [
        [0.5, 1],
        [1.5, 2],
      ])
      await db.executeMany('INSERT INTO t (id) VALUES (?)', [])
      expect(await db.query('SELECT id, name, amount FROM t ORDER BY id')).toEqual([
        { id: 1, name: 'c', amount: 0.5 },
        { id: 2, name: 'b', amount: 1.5 },
      ])
      const many = Array.from({ length: 20_000 }, (_, index) => [index + 10, `row ${index}`])
      await db.executeMany('INSERT INTO t (id, name) VALUES (?, ?) ON CONFLICT DO NOTHING', [...many, ...many])
      expect(await db.query('SELECT COUNT(*) AS count FROM t')).toEqual([{ count: 20_002 }])
    })

    it('is migrated once, however many start at the same time', async () => {
      await using test = await open()
      const { db, clock } = test
      const migrations = [
        { id: '1', statements: () => ['CREATE TABLE a (x BIGINT)', 'INSERT INTO a VALUES (1)'] },
        { id: '2', statements: () => ['CREATE TABLE b (x BIGINT)'] },
      ]
      const other = test.again?.() ?? db
      const applied = await Promise.all([db, other, db].map((each) => migrate(each, migrations, clock)))
      expect(applied.flat().sort()).toEqual(['1', '2'])
      expect(await db.query('SELECT x FROM a')).toEqual([{ x: 1 }])
      const later = [...migrations, { id: '3', statements: () => ['ALTER TABLE b ADD COLUMN y BIGINT'] }]
      expect(await migrate(db, later, clock)).toEqual(['3'])
      // A server of the version before runs on the newer schema.
      expect(await migrate(db, migrations, clock)).toEqual([])
      if (other !== db) await other.close()
    })

    it('leaves the schema as it was when a migration fails', async () => {
      await using test = await open()
      const { db, clock } = test
      const broken = [{ id: '1', statements: () => ['CREATE TABLE a (x BIGINT)', 'CREATE TABL b'] }]
      await expect(migrate(db, broken, clock)).rejects.toThrow()
      await expect(db.query('SELECT x FROM a')).rejects.toThrow()
    })

    it('finishes what was asked before it closes', async () => {
      await using test = await withTable(open)
      const written = test.db.query('INSERT INTO t (id) VALUES (1) RETURNING id')
      const closed = test.db.close()
      expect(await written).toEqual([{ id: 1 }])
      await closed
    })
  })
}
