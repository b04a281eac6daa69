import { AppError, fail } from '../../protocol/index.ts'

/** SQLSTATE codes (PostgreSQL, appendix A). */
const diskFull = '53100'
const conflicts = new Set(['40001', '40P01'])
/** Classes and codes of a server that can't work now: connection, resources, operator intervention, timeouts. */
const unavailable = /^(08|53|57P0[1-5]|57014|25P03|25006)/

/** What Node and the driver say of a connection that isn't there or was lost. */
const lost =
  /ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|ENOTFOUND|EHOSTUNREACH|EAI_AGAIN|ENOENT|Connection terminated|timeout|Client has encountered a connection error|not queryable/i

const codeOf = (error: unknown): string => String((error as { readonly code?: unknown }).code ?? '')

/** Whether the same transaction may do when it is run again. */
export const isConflict = (error: unknown): boolean => conflicts.has(codeOf(error))

/** Whether a transaction's connection can't be used any more. */
export const isLost = (error: unknown): boolean =>
  !(error instanceof AppError) && (lost.test(codeOf(error)) || (error instanceof Error && lost.test(error.message)))

/** What the caller of a statement is told: no space, no database now, or the error itself. No message names the password. */
export const databaseError = (error: unknown): unknown => {
  if (error instanceof AppError) return error
  const code = codeOf(error)
  if (code === diskFull) return fail('storage_full', { what: 'the database' }, error)
  if (unavailable.test(code) || isLost(error))
    return fail(
      'database_unavailable',
      { reason: `Postgres doesn't answer (${code === '' ? 'no connection' : code})` },
      error,
    )
  return error
}
