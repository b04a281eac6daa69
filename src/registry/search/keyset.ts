import { assert } from '../../lib/index.ts'
import type { SqlRow, SqlValue } from '../../ports/index.ts'
import { onDatasets } from './on-datasets.ts'
import { decodePageToken, encodePageToken, type SortSlot, type SortValue, sortValue } from './page-token.ts'
import type { OrderTerm } from './parse-order-by.ts'
import { type KeyedRows, owned, type SearchTarget } from './search-target.ts'
import { nothing, type SqlFragment } from './sql-fragment.ts'
import { sqlPlace } from './sql-place.ts'

export interface KeysetRequest {
  readonly target: SearchTarget
  /** What the caller asked for; the target's own order follows it, so that no two rows are alike. */
  readonly order: readonly OrderTerm[]
  /** Everything else that decides which rows there are, in one text: filter, experiments, view. */
  readonly binding: string
}

/**
 * Pages through rows in any order, without counting the rows before a page: each page starts behind the sort values of
 * the last row of the page before. A statement is put together as
 * `SELECT …, {columns} FROM {target.from}{joins} WHERE … AND {after} ORDER BY {orderBy} LIMIT ?`, its arguments in the
 * same order: those of `joins`, of the conditions, of `after`.
 */
export interface Keyset {
  /** Selects the sort values, as `sort_0`, `sort_1` and so on. */
  readonly columns: string
  readonly joins: SqlFragment
  readonly orderBy: string
  /** The sort values that a token holds; undefined without one, or with the empty one. */
  position(pageToken: string | undefined): readonly SortValue[] | undefined
  /** The condition for the rows behind a token; without one, or with the empty one, for all rows. */
  after(pageToken: string | undefined): SqlFragment
  /** The token that continues behind this row, which has to hold the selected sort values. */
  tokenAfter(row: SqlRow): string
}

/** Plans an order. `position` and `after` fail with `Invalid page token` for a token of another request or order. */
export function keyset({ target, order, binding }: KeysetRequest): Keyset {
  const joins: SqlFragment[] = []
  const keys = distinct([...order, ...target.order]).flatMap((term) => sortKeys(term, target, joins))
  const fullBinding = JSON.stringify([binding, order])
  const position = (pageToken: string | undefined): readonly SortValue[] | undefined =>
    pageToken ? decodePageToken(pageToken, keys, fullBinding) : undefined
  return {
    columns: keys.map(({ sql }, index) => `${sql} AS sort_${index}`).join(', '),
    joins: { sql: joins.map(({ sql }) => ` ${sql}`).join(''), args: joins.flatMap(({ args }) => args) },
    orderBy: keys.map(placed).join(', '),
    position,
    after(pageToken) {
      const values = position(pageToken)
      return values === undefined ? { sql: '1 = 1', args: [] } : behind(keys, values)
    },
    tokenAfter(row) {
      const values = keys.map((_, index) => sortValue(row[`sort_${index}`]))
      return encodePageToken(values, fullBinding)
    },
  }
}

/** A key given twice decides nothing the second time. */
function distinct(terms: readonly OrderTerm[]): OrderTerm[] {
  const byKey = new Map<string, OrderTerm>()
  for (const term of terms) {
    const key = JSON.stringify([term.entity, term.key, term.dataset])
    if (!byKey.has(key)) byKey.set(key, term)
  }
  return [...byKey.values()]
}

interface SortKey extends SortSlot {
  readonly sql: string
  readonly ascending: boolean
}

/** Databases differ on where NULL belongs; where there is none, saying so would keep them from using an index. */
function placed({ ascending, nullable }: SortKey, index: number): string {
  return `sort_${index} ${ascending ? 'ASC' : 'DESC'}${nullable ? ' NULLS LAST' : ''}`
}

function sortKeys(term: OrderTerm, target: SearchTarget, joins: SqlFragment[]): SortKey[] {
  const { ascending } = term
  if (term.entity === 'attribute') {
    const column = target.attributes.get(term.key)
    assert(column, 'a grammar orders only by attributes of its target')
    return [{ ...column, ascending }]
  }
  const rows = target.beside.get(term.entity)
  assert(rows?.kind === 'keyed', 'a grammar orders only by keyed rows of its target')
  const alias = `o${joins.length}`
  joins.push(join(rows, term, alias))
  const { type, valueColumn, nanColumn } = rows
  if (nanColumn === undefined) return [{ sql: `${alias}.${valueColumn}`, type, nullable: true, ascending }]
  const nan = `${alias}.${nanColumn}`
  // Numbers, then NaN, then what has no such metric, in both directions; as wide as any number that a token may hold.
  const rank = `CAST(CASE ${nan} WHEN 0 THEN 0 WHEN 1 THEN 1 ELSE 2 END AS DOUBLE PRECISION)`
  return [
    { sql: rank, type: 'number', nullable: false, ascending: true },
    { sql: `CASE ${nan} WHEN 0 THEN ${alias}.${valueColumn} END`, type, nullable: true, ascending },
  ]
}

/**
 * Brings the value to sort by in by one look-up a row. A join, unlike a subquery, is worked out once though its value is
 * selected, compared and sorted by.
 */
function join(rows: KeyedRows, term: OrderTerm, alias: string): SqlFragment {
  const on = owned(rows, alias)
  if (rows.newest === undefined) {
    return { sql: `LEFT JOIN ${rows.table} ${alias} ON ${on} AND ${alias}.key = ?`, args: [term.key] }
  }
  const only = term.dataset ? onDatasets([term.dataset]) : (rows.only ?? nothing)
  const among = only.sql === '' ? '' : ` AND ${only.sql}`
  const owners = Object.keys(rows.owner).map((column) => `k.${column}`)
  const ranked = `SELECT k.*, row_number() OVER (PARTITION BY ${owners.join(', ')} ORDER BY ${rows.newest}) AS place FROM ${rows.table} k WHERE k.key = ?${among}`
  return {
    sql: `LEFT JOIN (${ranked}) ${alias} ON ${on} AND ${alias}.place = 1`,
    args: [term.key, ...only.args],
  }
}

/** Holds for the rows that come after the one with these sort values: later in the first key, or equal there and … */
function behind(keys: readonly SortKey[], values: readonly SortValue[]): SqlFragment {
  const args: SqlValue[] = []
  return { sql: from(0), args }

  function from(index: number): string {
    const key = keys[index]
    // All sort values are those of the last row itself, which is not behind itself.
    if (!key) return '1 = 0'
    const { sql } = key
    const value = values[index] ?? null
    if (value === null) return `(${sql} IS NULL AND ${from(index + 1)})`
    const later = key.ascending ? '>' : '<'
    if (key.nullable) {
      return `(${sql} ${later} ${sqlPlace(value, args)} OR ${sql} IS NULL OR (${sql} = ${sqlPlace(value, args)} AND ${from(index + 1)}))`
    }
    // The first part alone would do no harm to the result; it is what an index can start at.
    return `(${sql} ${later}= ${sqlPlace(value, args)} AND (${sql} ${later} ${sqlPlace(value, args)} OR ${from(index + 1)}))`
  }
}
