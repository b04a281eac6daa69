import type { SearchError } from './search-error.ts'
import type { FilterToken, ScanFault } from './tokenize-filter.ts'

const keywords: ReadonlySet<string> = new Set([
  'AND',
  'OR',
  'NOT',
  'IN',
  'IS',
  'NULL',
  'LIKE',
  'ILIKE',
  'TRUE',
  'FALSE',
])

/** The keyword that a bare word is, in capitals. */
function keywordOf(token: FilterToken | undefined): string | undefined {
  if (token?.kind !== 'name' || token.quoted || token.second !== undefined) return undefined
  const word = token.first.toUpperCase()
  return keywords.has(word) ? word : undefined
}

export const isKeyword = (token: FilterToken): boolean => keywordOf(token) !== undefined

/** Reads tokens one after another; nothing is read twice. */
export class TokenCursor {
  readonly #text: string
  readonly #tokens: readonly FilterToken[]
  readonly #fault: ScanFault
  #next = 0

  constructor(text: string, tokens: readonly FilterToken[], fault: ScanFault) {
    this.#text = text
    this.#tokens = tokens
    this.#fault = fault
  }

  peek(): FilterToken | undefined {
    return this.#tokens[this.#next]
  }

  next(): FilterToken | undefined {
    return this.#tokens[this.#next++]
  }

  take(kind: FilterToken['kind']): boolean {
    if (this.peek()?.kind !== kind) return false
    this.#next++
    return true
  }

  takeKeyword(keyword: string): boolean {
    if (keywordOf(this.peek()) !== keyword) return false
    this.#next++
    return true
  }

  /** The error for the next token standing where it does, or for a text that ends too early. */
  unexpected(): SearchError {
    const token = this.peek()
    return this.#fault(token ? this.#text.slice(token.at) : this.#text)
  }
}
