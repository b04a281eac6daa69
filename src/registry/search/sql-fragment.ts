import type { SqlValue } from '../../ports/index.ts'

/** A piece of SQL and the arguments of its `?`, in their order. */
export interface SqlFragment {
  readonly sql: string
  readonly args: readonly SqlValue[]
}

export const nothing: SqlFragment = { sql: '', args: [] }
