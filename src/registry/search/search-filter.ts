/** What a key belongs to: a column of the row itself, or rows kept beside it under a key. */
export type SearchEntity =
  | 'attribute'
  | 'metric'
  | 'param'
  | 'tag'
  | 'dataset'
  | 'metadata'
  | 'span'
  | 'feedback'
  | 'expectation'
  | 'issue'
  | 'run'
  | 'prompt'

export type OrderedOperator = '=' | '!=' | '<' | '<=' | '>' | '>='
export type PatternOperator = 'LIKE' | 'ILIKE'
export type ListOperator = 'IN' | 'NOT IN'
export type NullOperator = 'IS NULL' | 'IS NOT NULL'
export type SearchOperator = OrderedOperator | PatternOperator | ListOperator | NullOperator

export type SearchScalar = string | number

/** One clause. Metrics and times compare with finite numbers, everything else with strings. */
export type SearchComparison = {
  readonly kind: 'compare'
  readonly entity: SearchEntity
  /** The grammar's own name of an attribute, never an alias; for other entities the key as written. */
  readonly key: string
} & (
  | { readonly operator: OrderedOperator; readonly value: SearchScalar }
  | { readonly operator: PatternOperator; readonly value: string }
  | { readonly operator: ListOperator; readonly value: readonly SearchScalar[] }
  | { readonly operator: NullOperator; readonly value: null }
)

/** A parsed filter. `and` without terms is the empty filter: every row. */
export type SearchFilter =
  | { readonly kind: 'and' | 'or'; readonly terms: readonly SearchFilter[] }
  | { readonly kind: 'not'; readonly term: SearchFilter }
  | SearchComparison
