import type { SearchEntity } from './search-filter.ts'
import type { SearchValueType } from './search-grammar.ts'
import type { OrderTerm } from './parse-order-by.ts'
import type { SqlFragment } from './sql-fragment.ts'

/** Where an attribute is kept. */
export interface AttributeColumn {
  readonly sql: string
  readonly type: SearchValueType
  /** Whether the schema allows NULL; a column that never holds it is paged through by its index. */
  readonly nullable: boolean
}

/** Rows beside the row under keys that users chose: metrics, params, tags. */
export interface KeyedRows {
  readonly kind: 'keyed'
  readonly table: string
  /** The columns of `table` that name the row, and what each equals in the row. */
  readonly owner: Readonly<Record<string, string>>
  readonly type: SearchValueType
  readonly valueColumn: string
  /** Column that is 1 where the value is NaN, which `valueColumn` can't hold. */
  readonly nanColumn?: string
  /** Column that `<` and its like compare, where text may be a number. */
  readonly numberColumn?: string
  /** The column of the users' keys when it isn't `key`. */
  readonly keyColumn?: string
  /** Which of the rows count, on the alias `k`; for logged models those on the datasets asked for. */
  readonly only?: SqlFragment
  /** Says that an index finds the rows by key, `nanColumn` and `valueColumn`, and that a key is unique. */
  readonly byValue?: true
  /** How to choose one of several rows under one key, in SQL on the alias `k`; absent where a key is unique. */
  readonly newest?: string
}

/** Rows beside the row with fixed columns: datasets. */
export interface ListedRows {
  readonly kind: 'listed'
  /** Follows FROM, up to the condition that ties the rows to the row. */
  readonly rows: string
  readonly columns: Readonly<Record<string, string>>
  /** A column of JSON, an object of JSON texts; keys with the prefix name its properties. */
  readonly jsonTexts?: { readonly prefix: string; readonly column: string }
  /** Clauses that stand side by side under one AND are to hold of the same row. */
  readonly together?: true
}

/** Tells how one searchable kind of row lies in the database, in SQL that SQLite and Postgres share. */
export interface SearchTarget {
  /** Follows FROM: the tables that the other parts name by alias. */
  readonly from: string
  readonly attributes: ReadonlyMap<string, AttributeColumn>
  readonly beside: ReadonlyMap<SearchEntity, KeyedRows | ListedRows>
  /** Follows what the caller orders by; the last of them tells any two rows apart. */
  readonly order: readonly OrderTerm[]
}

/** Condition that ties rows beside the row, as `alias`, to the row. */
export function owned(rows: KeyedRows, alias: string): string {
  const pairs = Object.entries(rows.owner).map(([column, owner]) => `${alias}.${column} = ${owner}`)
  return pairs.join(' AND ')
}
