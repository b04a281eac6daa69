import { findRule } from './find-rule.ts'
import type { SearchedDataset } from './on-datasets.ts'
import { SearchError, shown } from './search-error.ts'
import type { SearchEntity } from './search-filter.ts'
import type { SearchGrammar } from './search-grammar.ts'
import { isKeyword } from './token-cursor.ts'
import { tokenizeFilter } from './tokenize-filter.ts'

/** One key of an order; missing values and NaN come last in both directions. */
export interface OrderTerm {
  readonly entity: SearchEntity
  readonly key: string
  readonly ascending: boolean
  /** For a logged model's metric: only its value on this dataset counts. */
  readonly dataset?: SearchedDataset
}

/** Every key may cost the database a join, and repeats itself in the condition that continues a page. */
export const orderTermsMax = 20

/**
 * Reads the clauses of an order_by, each `key`, `key ASC` or `key DESC`. Fails with MLflow's sentences for a clause that
 * can't be read, a key that the grammar doesn't order by, and more than 20 clauses.
 */
export function parseOrderBy(clauses: readonly string[], grammar: SearchGrammar): OrderTerm[] {
  if (clauses.length > orderTermsMax) throw new SearchError(`More than ${orderTermsMax} order_by clauses`)
  return clauses.map((clause) => parseClause(clause, grammar))
}

function parseClause(clause: string, grammar: SearchGrammar): OrderTerm {
  const invalid = (): SearchError => new SearchError(`Invalid order_by clause '${shown(clause)}'. Could not be parsed.`)
  const [key, direction, ...rest] = tokenizeFilter(clause, invalid)
  if (rest.length > 0 || !key || (key.kind !== 'name' && !(key.kind === 'string' && key.quote === '"'))) throw invalid()
  if (isKeyword(key)) throw invalid()
  return { ...orderedKey(key, grammar), ascending: isAscending() }

  function isAscending(): boolean {
    if (!direction) return true
    const word = direction.kind === 'name' ? direction.text.toUpperCase() : undefined
    if (word === undefined) throw invalid()
    if (word === 'ASC' || word === 'DESC') return word === 'ASC'
    throw new SearchError(`Invalid ordering key in order_by clause '${shown(clause)}'.`)
  }
}

/** Finds the key of an order in the grammar. Fails for a kind of key that gives no order there. */
export function orderedKey(
  token: Parameters<typeof findRule>[0],
  grammar: SearchGrammar,
): Pick<OrderTerm, 'entity' | 'key'> {
  const { entity, key, rule } = findRule(token, grammar, 'order')
  if (entity !== 'attribute' && !rule.order) throw new SearchError(`Invalid order_by entity: ${entity}`)
  return { entity, key }
}
