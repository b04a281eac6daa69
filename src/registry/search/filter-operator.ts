import { type FoundRule, listed } from './find-rule.ts'
import { SearchError, shown } from './search-error.ts'
import type { SearchOperator } from './search-filter.ts'
import type { SearchGrammar } from './search-grammar.ts'
import type { TokenCursor } from './token-cursor.ts'

const numberOperators: readonly SearchOperator[] = ['>', '>=', '=', '!=', '<=', '<', 'IN', 'NOT IN']
const textOperators: readonly SearchOperator[] = ['=', '!=', 'LIKE', 'ILIKE']

function operatorsOf({ rule }: FoundRule): readonly SearchOperator[] {
  const operators: SearchOperator[] = [...(rule.type === 'number' ? numberOperators : textOperators)]
  if (rule.type === 'text' && rule.lists) operators.push('IN', 'NOT IN')
  if ('ordersNumbers' in rule) operators.push('>', '>=', '<=', '<')
  if ('nullTests' in rule && rule.nullTests) operators.push('IS NULL', 'IS NOT NULL')
  return operators
}

/** Reads the operator of a clause on this key. Fails with `Invalid comparator` for one that the key doesn't take. */
export function readOperator(tokens: TokenCursor, found: FoundRule, grammar: SearchGrammar): SearchOperator {
  const token = tokens.peek()
  const symbol = token?.kind === 'operator'
  const written = symbol ? token.text : wordOperator(tokens)
  const operators = operatorsOf(found)
  const operator = operators.find((candidate) => candidate === written)
  if (operator === undefined) throw refused(written, { found, grammar, operators })
  if (symbol) tokens.next()
  return operator
}

function wordOperator(tokens: TokenCursor): SearchOperator {
  if (tokens.takeKeyword('LIKE')) return 'LIKE'
  if (tokens.takeKeyword('ILIKE')) return 'ILIKE'
  if (tokens.takeKeyword('IN')) return 'IN'
  if (tokens.takeKeyword('NOT')) {
    if (tokens.takeKeyword('IN')) return 'NOT IN'
  } else if (tokens.takeKeyword('IS')) {
    const negated = tokens.takeKeyword('NOT')
    if (tokens.takeKeyword('NULL')) return negated ? 'IS NOT NULL' : 'IS NULL'
  }
  throw tokens.unexpected()
}

interface Refusal {
  readonly found: FoundRule
  readonly grammar: SearchGrammar
  readonly operators: readonly SearchOperator[]
}

function refused(written: string, { found, grammar, operators }: Refusal): SearchError {
  if (written.startsWith('IS')) {
    const entities = grammar.keyed.filter((rule) => rule.nullTests).map((rule) => `${rule.entity}s`)
    // Tags come first, as in MLflow's sentence.
    const names = entities.toSorted().toReversed().join(' and ')
    return new SearchError(
      `IS NULL / IS NOT NULL is only supported for ${names}, not for '${found.entity}' '${shown(found.key)}'`,
    )
  }
  const lists = grammar.attributes.filter((rule) => rule.lists).map((rule) => `'${rule.key}'`)
  if (written.endsWith('IN') && found.entity === 'attribute' && lists.length > 0) {
    return new SearchError(
      `Only the ${lists.join(', ')} attribute supports comparison with a list of quoted string values.`,
    )
  }
  return new SearchError(`Invalid comparator '${shown(written)}' not one of ${listed(operators)}`)
}
