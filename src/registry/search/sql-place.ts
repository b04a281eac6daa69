import type { SqlValue } from '../../ports/index.ts'

/**
 * The place of one value, which it appends to the arguments. Postgres takes the type of a bare place from the column
 * beside it, and fails when a fraction or 1e300 meets a column of whole numbers.
 */
export function sqlPlace(value: string | number, args: SqlValue[]): string {
  args.push(value)
  return typeof value === 'string' || Number.isSafeInteger(value) ? '?' : 'CAST(? AS DOUBLE PRECISION)'
}
