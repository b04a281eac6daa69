import { findRule, type FoundRule } from './find-rule.ts'
import { readOperator } from './filter-operator.ts'
import { readList, readValue } from './filter-value.ts'
import { SearchError, shown } from './search-error.ts'
import type { SearchComparison, SearchFilter, SearchOperator } from './search-filter.ts'
import type { SearchGrammar } from './search-grammar.ts'
import { isKeyword, TokenCursor } from './token-cursor.ts'
import { tokenizeFilter } from './tokenize-filter.ts'

// Both bound the SQL: its depth, its length and the work of the database's planner.
const depthMax = 50
const clausesMax = 200
// SQLite takes 32,766 arguments a statement, Postgres 65,535.
const listValuesMax = 10_000

/** No condition at all. */
const everything: SearchFilter = { kind: 'and', terms: [] }

/**
 * Reads a filter in MLflow's search language, to which OR, NOT, parentheses and lists of numbers are added. An empty
 * text matches everything. Fails with MLflow's sentences for what can't be read, and above 64 KiB, 200 clauses, 50
 * levels, 10,000 values in lists; takes time linear in the text.
 */
export function parseFilter(text: string, grammar: SearchGrammar): SearchFilter {
  const fault = (part: string): SearchError =>
    part.startsWith(';')
      ? new SearchError(`Search filter contained multiple expression '${shown(text)}'. Provide AND-ed expression list.`)
      : new SearchError(`Invalid clause(s) in filter string: '${shown(part)}'`)
  const tokens = tokenizeFilter(text, fault)
  if (tokens.length === 0) return everything
  const parser = new FilterParser(new TokenCursor(text, tokens, fault), grammar)
  return parser.parse()
}

class FilterParser {
  readonly #tokens: TokenCursor
  readonly #grammar: SearchGrammar
  #clauses = 0
  #listValues = 0

  constructor(tokens: TokenCursor, grammar: SearchGrammar) {
    this.#tokens = tokens
    this.#grammar = grammar
  }

  parse(): SearchFilter {
    const filter = this.#alternatives(0)
    if (this.#tokens.peek()) throw this.#tokens.unexpected()
    return filter
  }

  #alternatives(depth: number): SearchFilter {
    const terms = [this.#conjunction(depth)]
    while (this.#tokens.takeKeyword('OR')) terms.push(this.#conjunction(depth))
    return joined('or', terms)
  }

  #conjunction(depth: number): SearchFilter {
    const terms = [this.#term(depth)]
    while (this.#tokens.takeKeyword('AND')) terms.push(this.#term(depth))
    return joined('and', terms)
  }

  #term(depth: number): SearchFilter {
    if (depth > depthMax) throw new SearchError(`The filter string nests deeper than ${depthMax} levels`)
    if (this.#tokens.takeKeyword('NOT')) return { kind: 'not', term: this.#term(depth + 1) }
    if (this.#tokens.take('(')) {
      const inner = this.#alternatives(depth + 1)
      if (!this.#tokens.take(')')) throw this.#tokens.unexpected()
      return inner
    }
    return this.#comparison()
  }

  #comparison(): SearchComparison {
    const token = this.#tokens.peek()
    if (token?.kind === 'number' || (token?.kind === 'string' && token.quote === "'")) {
      throw new SearchError(`Invalid comparison clause. Expected 'Identifier' found '${shown(token.text)}'`)
    }
    if ((token?.kind !== 'name' && token?.kind !== 'string') || isKeyword(token)) throw this.#tokens.unexpected()
    if (++this.#clauses > clausesMax) throw new SearchError(`The filter string has more than ${clausesMax} clauses`)
    const found = findRule(token, this.#grammar, 'filter')
    this.#tokens.next()
    return this.#withValue(found, readOperator(this.#tokens, found, this.#grammar))
  }

  #withValue(found: FoundRule, operator: SearchOperator): SearchComparison {
    const { entity, key } = found
    switch (operator) {
      case 'IS NULL':
      case 'IS NOT NULL':
        return { kind: 'compare', entity, key, operator, value: null }
      case 'IN':
      case 'NOT IN': {
        const value = readList(this.#tokens, found)
        this.#listValues += value.length
        if (this.#listValues > listValuesMax) {
          throw new SearchError(`The filter string has more than ${listValuesMax} values in its lists`)
        }
        return { kind: 'compare', entity, key, operator, value }
      }
      case 'LIKE':
      case 'ILIKE':
        return { kind: 'compare', entity, key, operator, value: checkedPattern(String(readValue(this.#tokens, found))) }
      default:
        return { kind: 'compare', entity, key, operator, value: readValue(this.#tokens, ordered(found, operator)) }
    }
  }
}

/** Where text may be a number, what is greater or less is so by number. */
function ordered(found: FoundRule, operator: SearchOperator): FoundRule {
  const isOrder = operator.startsWith('<') || operator.startsWith('>')
  if (!isOrder || !('ordersNumbers' in found.rule)) return found
  return { ...found, rule: { ...found.rule, type: 'number' } }
}

function joined(kind: 'and' | 'or', terms: readonly SearchFilter[]): SearchFilter {
  const [only] = terms
  return terms.length === 1 && only ? only : { kind, terms }
}

// Every % lets the database try each rest of the text again, so their number bounds the time a row may take.
const patternLengthMax = 5000
const wildcardsMax = 50

function checkedPattern(pattern: string): string {
  if (pattern.length > patternLengthMax) {
    throw new SearchError(`A pattern is longer than ${patternLengthMax} characters: '${shown(pattern)}'`)
  }
  if (pattern.split('%').length - 1 > wildcardsMax) {
    throw new SearchError(`A pattern has more than ${wildcardsMax} '%': '${shown(pattern)}'`)
  }
  return pattern
}
