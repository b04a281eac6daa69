import type { SearchEntity } from './search-filter.ts'

export type SearchValueType = 'number' | 'text'

/** A column that a search may name. */
export interface AttributeRule {
  readonly key: string
  readonly type: SearchValueType
  readonly aliases?: readonly string[]
  /** False: may only be ordered by. */
  readonly filter?: false
  /** False: may only be filtered on. */
  readonly order?: false
  /** A number that may be quoted, since replies give it as text. */
  readonly quoted?: true
  /** IN and NOT IN on text; numbers always take lists. */
  readonly lists?: true
}

/** Rows beside the row: metrics, params, tags, datasets. */
export interface KeyedRule {
  readonly entity: Exclude<SearchEntity, 'attribute'>
  /** Every spelling of the prefix; the first is the one that messages name. */
  readonly prefixes: readonly [string, ...string[]]
  readonly type: SearchValueType
  /** The only keys there are; absent when users choose the keys. */
  readonly keys?: readonly string[]
  /** With `keys`: keys that begin with this are allowed besides. */
  readonly keyPrefix?: string
  /** Text whose values may be numbers too: `<` and its like compare with those. */
  readonly ordersNumbers?: true
  readonly lists?: true
  /** IS NULL and IS NOT NULL, true when the key is absent or present. */
  readonly nullTests?: true
  readonly order?: true
}

/** What one search endpoint lets its callers filter on and order by. */
export interface SearchGrammar {
  readonly attributePrefixes: readonly string[]
  readonly attributes: readonly AttributeRule[]
  readonly keyed: readonly KeyedRule[]
}

export const tagRule: KeyedRule = { entity: 'tag', prefixes: ['tag', 'tags'], type: 'text', nullTests: true }

export const paramRule: KeyedRule = {
  entity: 'param',
  prefixes: ['parameter', 'parameters', 'param', 'params'],
  type: 'text',
  nullTests: true,
}

export const metricRule: KeyedRule = { entity: 'metric', prefixes: ['metric', 'metrics'], type: 'number' }
