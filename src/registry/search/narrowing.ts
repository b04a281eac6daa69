import type { Queries } from '../../ports/index.ts'
import type { SortValue } from './page-token.ts'
import type { OrderTerm } from './parse-order-by.ts'
import type { SearchComparison, SearchFilter } from './search-filter.ts'
import { type KeyedRows, owned, type SearchTarget } from './search-target.ts'
import type { SqlFragment } from './sql-fragment.ts'
import { sqlPlace } from './sql-place.ts'

/** Which rows a page is looked for among, by rows beside them that an index finds by key and value. */
export interface Narrowing {
  /** Stands before the target's own FROM. */
  readonly from: string
  readonly where: SqlFragment
  /** Stands before the order: says the same as its first key, and is what the index is walked by. */
  readonly orderBy: string
  /** Whether every row that the filter lets through is among them; else a page that isn't filled is unfinished. */
  readonly whole: boolean
}

export interface NarrowedSearch {
  readonly target: SearchTarget
  readonly filter: SearchFilter
  readonly where: SqlFragment
  readonly order: readonly OrderTerm[]
  /** The sort values behind which the page starts. */
  readonly position: readonly SortValue[] | undefined
  readonly limit: number
}

/** So many rows cost a few milliseconds, which more look-ups beforehand would not win back. */
const few = 1000

/**
 * Narrows a search of many rows to a few, where it can: to those that a range of values in the filter lets through, or
 * to the first in an order by a value. Without it every row is looked up, and sorted, for each page. What it finds out
 * beforehand decides only where to look, so writes in between change nothing.
 */
export const narrowing = async (queries: Queries, search: NarrowedSearch): Promise<Narrowing | undefined> => {
  const ranges = filterRanges(search)
  const ordered = orderRange(search, ranges)
  if ((ranges.length === 0 && ordered === undefined) || (await isFew(queries, search))) return undefined
  for (const range of ranges) {
    if ((await edge(queries, range, few)) === undefined) return { ...narrowedTo(range), orderBy: '', whole: true }
  }
  // A page as long as that comes out of the general way in as good a time.
  if (ordered === undefined || search.limit > few) return undefined
  const value = await edge(queries, ordered, search.limit + few)
  // Of the value on the edge there may be any number of rows.
  const before = value === undefined ? [] : [{ operator: ordered.ascending ? '<' : '>', value } as const]
  return {
    ...narrowedTo({ ...ordered, bounds: [...ordered.bounds, ...before] }),
    orderBy: `${valueOf(ordered)} ${direction(ordered)}, `,
    whole: false,
  }
}

interface Bound {
  readonly operator: '<' | '<=' | '=' | '>' | '>='
  readonly value: number
}

/** Values of one key, none of them NaN. */
interface Range {
  readonly rows: KeyedRows
  readonly key: string
  readonly bounds: readonly Bound[]
  readonly ascending: boolean
}

const boundOf = ({ operator, value }: SearchComparison): Bound | undefined =>
  typeof value === 'number' && operator !== '!=' ? { operator: operator as Bound['operator'], value } : undefined

const indexed = (target: SearchTarget, { entity }: Pick<OrderTerm, 'entity'>): KeyedRows | undefined => {
  const rows = target.beside.get(entity)
  return rows?.kind === 'keyed' && rows.byValue === true ? rows : undefined
}

/** Clauses that every row of the result fulfils. */
const required = (filter: SearchFilter): readonly SearchComparison[] => {
  if (filter.kind === 'compare') return [filter]
  return filter.kind === 'and' ? filter.terms.flatMap(required) : []
}

/** The ranges of the filter, one a key: that of all its bounds together. */
const filterRanges = ({ filter, target }: NarrowedSearch): Range[] => {
  const ranges = new Map<string, Range>()
  for (const clause of required(filter)) {
    const rows = indexed(target, clause)
    const bound = boundOf(clause)
    if (rows === undefined || bound === undefined) continue
    const name = JSON.stringify([clause.entity, clause.key])
    const bounds = [...(ranges.get(name)?.bounds ?? []), bound]
    ranges.set(name, { rows, key: clause.key, bounds, ascending: true })
  }
  return [...ranges.values()]
}

/** The values that an order by one goes along, from where the page starts; undefined past the last number. */
const orderRange = ({ target, order, position }: NarrowedSearch, ranges: readonly Range[]): Range | undefined => {
  const [term] = order
  const rows = term && indexed(target, term)
  if (rows === undefined || term === undefined) return undefined
  const { key, ascending } = term
  const filtered = ranges.find((range) => range.rows === rows && range.key === key)?.bounds ?? []
  if (position === undefined) return { rows, key, ascending, bounds: filtered }
  // Behind the rank; see the keys of a keyset. NaN and what is missing have no value and come last.
  const [, value] = position
  if (typeof value !== 'number') return undefined
  return { rows, key, ascending, bounds: [...filtered, { operator: ascending ? '>=' : '<=', value }] }
}

const valueOf = ({ rows }: Range): string => `n.${rows.valueColumn}`
const direction = ({ ascending }: Range): string => (ascending ? 'ASC' : 'DESC')

const within = (range: Range): SqlFragment => {
  const { rows, key, bounds } = range
  const args: (string | number)[] = [key]
  const holds = bounds.map(({ operator, value }) => `${valueOf(range)} ${operator} ${sqlPlace(value, args)}`)
  const isNumber = rows.nanColumn === undefined ? [] : [`n.${rows.nanColumn} = 0`]
  return { sql: [`n.${rows.keyColumn ?? 'key'} = ?`, ...isNumber, ...holds].join(' AND '), args }
}

/** Joined crosswise, since that makes SQLite start with them. */
const narrowedTo = (range: Range): Pick<Narrowing, 'from' | 'where'> => {
  const { sql, args } = within(range)
  return {
    from: `${range.rows.table} n CROSS JOIN `,
    where: { sql: `${owned(range.rows, 'n')} AND ${sql}`, args },
  }
}

/** Whether the search has so few rows at all, whatever the filter says of them. */
const isFew = async (queries: Queries, { target, where }: NarrowedSearch): Promise<boolean> => {
  const more = await queries.query(`SELECT 1 AS more FROM ${target.from} WHERE ${where.sql} LIMIT 1 OFFSET ?`, [
    ...where.args,
    few,
  ])
  return more.length === 0
}

/** The value behind the first `count` of a range; undefined when it has no more. */
const edge = async (queries: Queries, range: Range, count: number): Promise<number | undefined> => {
  const { sql, args } = within(range)
  const value = valueOf(range)
  const [row] = await queries.query<{ value: number }>(
    `SELECT ${value} AS value FROM ${range.rows.table} n WHERE ${sql} ORDER BY ${value} ${direction(range)} LIMIT 1 OFFSET ?`,
    [...args, count],
  )
  return row?.value
}

export const notNarrowed: Narrowing = { from: '', where: { sql: '1 = 1', args: [] }, orderBy: '', whole: true }
