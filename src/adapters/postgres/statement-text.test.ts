import { describe, expect, it } from 'vitest'
import { insertParts, numbered } from './statement-text.ts'

describe('the text of statements', () => {
  it('numbers the arguments, and leaves question marks in quotes', () => {
    expect(numbered(`SELECT '?', 'it''s ?', "a?" FROM t WHERE a = ? AND b = ?`)).toBe(
      `SELECT '?', 'it''s ?', "a?" FROM t WHERE a = $1 AND b = $2`,
    )
  })

  it('takes an insert of one row apart', () => {
    expect(insertParts('INSERT INTO t (a, b) VALUES (?, ?) ON CONFLICT DO NOTHING')).toMatchObject({
      places: 2,
      key: undefined,
    })
    expect(
      insertParts('INSERT INTO t (a, b, c) VALUES (?, ?, ?) ON CONFLICT (c, a) DO UPDATE SET b = excluded.b'),
    ).toMatchObject({ places: 3, key: [2, 0] })
  })

  it.each([
    'UPDATE t SET a = ? WHERE b = ?',
    "INSERT INTO t (a, b) VALUES (?, 'x')",
    'INSERT INTO t (a) SELECT b FROM u WHERE c = ?',
    'INSERT INTO t (a) VALUES (?) ON CONFLICT (a) DO UPDATE SET b = ?',
  ])('leaves %j as it is', (sql) => {
    expect(insertParts(sql)).toBeUndefined()
  })
})
