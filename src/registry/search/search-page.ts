import type { Queries, SqlRow } from '../../ports/index.ts'
import { compileFilter } from './compile-filter.ts'
import { keyset } from './keyset.ts'
import { narrowing, notNarrowed } from './narrowing.ts'
import type { Narrowing } from './narrowing.ts'
import { parseFilter } from './parse-filter.ts'
import type { OrderTerm } from './parse-order-by.ts'
import { SearchError } from './search-error.ts'
import type { SearchFilter } from './search-filter.ts'
import { parseOrderBy } from './parse-order-by.ts'
import type { SearchGrammar } from './search-grammar.ts'
import type { SearchTarget } from './search-target.ts'
import type { SqlFragment } from './sql-fragment.ts'

/** What the callers of every search say. */
export interface SearchQuery {
  /** In MLflow's search language with OR, NOT and parentheses; empty for everything. */
  readonly filter?: string | undefined
  readonly orderBy?: readonly string[] | undefined
  /** Rows a page, within the bounds of the search. */
  readonly limit: number
  readonly pageToken?: string | undefined
}

export interface SearchPage<Item> {
  readonly items: readonly Item[]
  /** Undefined at the end. */
  readonly nextPageToken: string | undefined
}

export interface SearchedRows {
  readonly grammar: SearchGrammar
  readonly target: SearchTarget
  /** Columns of a row, in SQL. */
  readonly columns: string
  /** Conditions besides the filter. */
  readonly where: SqlFragment
  /** Changes the parsed filter before it is run. */
  readonly rewrite?: (filter: SearchFilter) => SearchFilter
  /** Overrides `orderBy`, for orders that aren't text. */
  readonly order?: readonly OrderTerm[]
}

// SQLite takes 32,766 arguments a statement, Postgres 65,535.
const argumentsMax = 32_000

/** One page of a search. Fails with SearchError for what can't be read in filter, order or token. */
export const searchPage = async <Row extends SqlRow>(
  queries: Queries,
  { grammar, target, columns, where, order, rewrite = (parsed) => parsed }: SearchedRows,
  { filter: text = '', orderBy = [], limit, pageToken }: SearchQuery,
): Promise<SearchPage<Row>> => {
  const filter = rewrite(parseFilter(text, grammar))
  const terms = order ?? parseOrderBy(orderBy, grammar)
  const keys = keyset({ target, order: terms, binding: JSON.stringify([text, where.sql, where.args]) })
  const condition = compileFilter(filter, target)
  const after = keys.after(pageToken)
  const among = (narrow: Narrowing): Promise<Row[]> => {
    const args = [...keys.joins.args, ...narrow.where.args, ...where.args, ...condition.args, ...after.args, limit + 1]
    if (args.length > argumentsMax) throw new SearchError('The search names too many values: split it up')
    return queries.query<Row>(
      `SELECT ${columns}, ${keys.columns} FROM ${narrow.from}${target.from}${keys.joins.sql} WHERE ${narrow.where.sql} AND ${where.sql} AND (${condition.sql}) AND ${after.sql} ORDER BY ${narrow.orderBy}${keys.orderBy} LIMIT ?`,
      args,
    )
  }
  const position = keys.position(pageToken)
  const narrow = await narrowing(queries, { target, filter, where, order: terms, position, limit })
  let rows = await among(narrow ?? notNarrowed)
  if (narrow?.whole === false && rows.length <= limit) rows = await among(notNarrowed)
  const items = rows.slice(0, limit)
  const last = items.at(-1)
  return { items, nextPageToken: rows.length > limit && last !== undefined ? keys.tokenAfter(last) : undefined }
}
