import { assert } from '../../lib/index.ts'
import type { SqlValue } from '../../ports/index.ts'
import type { SearchComparison, SearchFilter } from './search-filter.ts'
import type { SearchValueType } from './search-grammar.ts'
import { jsonTextCondition } from './json-text-condition.ts'
import { type KeyedRows, type ListedRows, owned, type SearchTarget } from './search-target.ts'
import type { SqlFragment } from './sql-fragment.ts'
import { sqlPlace } from './sql-place.ts'

/**
 * Turns a filter into a condition for WHERE, on the aliases of the target's tables. Values and users' keys only ever
 * become arguments. LIKE tells capitals apart: on SQLite that takes `PRAGMA case_sensitive_like=ON`.
 *
 * A comparison with what is missing (a NULL column, an absent key) is false, `!=` and NOT IN too, and so true under NOT.
 * A NaN metric is unequal to every number and stands in no other relation to one.
 */
export function compileFilter(filter: SearchFilter, target: SearchTarget): SqlFragment {
  const args: SqlValue[] = []
  return { sql: condition(filter, { target, args }), args }
}

interface Compilation {
  readonly target: SearchTarget
  /** Collects the arguments in the order in which their places are written. */
  readonly args: SqlValue[]
}

function condition(filter: SearchFilter, compilation: Compilation): string {
  switch (filter.kind) {
    case 'and':
    case 'or': {
      if (filter.terms.length === 0) return filter.kind === 'and' ? '1 = 1' : '1 = 0'
      if (filter.kind === 'or') return `(${filter.terms.map((term) => condition(term, compilation)).join(' OR ')})`
      return `(${conjunction(filter.terms, compilation).join(' AND ')})`
    }
    // NULL has to count as false before it is negated; AND and OR below keep it from counting as true.
    case 'not':
      return `NOT COALESCE(${condition(filter.term, compilation)}, 1 = 0)`
    case 'compare':
      return comparison(filter, compilation)
  }
}

/** Clauses on rows that belong together become one condition, so that one row fulfils them all. */
function conjunction(terms: readonly SearchFilter[], compilation: Compilation): string[] {
  const rowsOf = (term: SearchFilter): ListedRows | undefined => {
    const beside = term.kind === 'compare' ? compilation.target.beside.get(term.entity) : undefined
    return beside?.kind === 'listed' && beside.together ? beside : undefined
  }
  const groups = Map.groupBy(terms, (term) => rowsOf(term) ?? term)
  return [...groups].map(([rows, group]) => {
    if (!('columns' in rows)) return condition(rows, compilation)
    const clauses = group.filter((term) => term.kind === 'compare')
    return exists(rows, clauses, compilation.args)
  })
}

function exists(rows: ListedRows, clauses: readonly SearchComparison[], args: SqlValue[]): string {
  const holds = clauses.map((clause) => listedComparison(rows, clause, args))
  return `EXISTS (SELECT 1 FROM ${rows.rows} AND ${holds.join(' AND ')})`
}

function listedComparison(rows: ListedRows, clause: SearchComparison, args: SqlValue[]): string {
  const texts = rows.jsonTexts
  if (texts && clause.key.startsWith(texts.prefix)) {
    return jsonTextCondition(texts.column, { key: clause.key.slice(texts.prefix.length), clause }, args)
  }
  const column = rows.columns[clause.key]
  assert(column !== undefined, 'a grammar names only columns of its target')
  return compare({ sql: column, type: 'text' }, clause, args)
}

function comparison(clause: SearchComparison, { target, args }: Compilation): string {
  if (clause.entity === 'attribute') {
    const column = target.attributes.get(clause.key)
    assert(column, 'a grammar names only attributes of its target')
    return compare(column, clause, args)
  }
  const beside = target.beside.get(clause.entity)
  assert(beside, 'a grammar names only entities of its target')
  if (beside.kind === 'keyed') return keyedComparison(beside, clause, args)
  return exists(beside, [clause], args)
}

function keyedComparison(rows: KeyedRows, clause: SearchComparison, args: SqlValue[]): string {
  args.push(clause.key)
  let sql = `EXISTS (SELECT 1 FROM ${rows.table} k WHERE ${owned(rows, 'k')} AND k.${rows.keyColumn ?? 'key'} = ?`
  if (rows.only) {
    sql += ` AND ${rows.only.sql}`
    args.push(...rows.only.args)
  }
  if (clause.operator === 'IS NOT NULL') return `${sql})`
  if (clause.operator === 'IS NULL') return `NOT ${sql})`
  const holds = compare(operandOf(rows, clause), clause, args)
  if (rows.nanColumn === undefined) return `${sql} AND ${holds})`
  const nan = `k.${rows.nanColumn}`
  const unequal = clause.operator === '!=' || clause.operator === 'NOT IN'
  return `${sql} AND ${unequal ? `(${nan} = 1 OR ${holds})` : `${nan} = 0 AND ${holds}`})`
}

function operandOf({ valueColumn, numberColumn, type }: KeyedRows, { value }: SearchComparison): Operand {
  const isNumber = numberColumn !== undefined && typeof value === 'number'
  return isNumber ? { sql: `k.${numberColumn}`, type: 'number' } : { sql: `k.${valueColumn}`, type }
}

interface Operand {
  readonly sql: string
  readonly type: SearchValueType
}

function compare(operand: Operand, clause: SearchComparison, args: SqlValue[]): string {
  const { sql } = operand
  switch (clause.operator) {
    case 'IS NULL':
    case 'IS NOT NULL':
      return `${sql} ${clause.operator}`
    case 'IN':
    case 'NOT IN':
      return `${sql} ${clause.operator} (${clause.value.map((value) => sqlPlace(value, args)).join(', ')})`
    case 'LIKE':
      return `${sql} LIKE ${pattern(clause.value, args)} ESCAPE '\\'`
    case 'ILIKE':
      return `lower(${sql}) LIKE lower(${pattern(clause.value, args)}) ESCAPE '\\'`
    default:
      return `${sql} ${clause.operator === '!=' ? '<>' : clause.operator} ${sqlPlace(clause.value, args)}`
  }
}

/** A backslash is a plain character in MLflow's patterns; Postgres alone would take it for an escape. */
function pattern(value: string, args: SqlValue[]): string {
  args.push(value.replaceAll('\\', '\\\\'))
  return '?'
}
