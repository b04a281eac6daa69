import { reasonOf } from '../../lib/index.ts'
import { fail } from '../../protocol/index.ts'

/** SQLite's result codes (sqlite.org/rescode.html); the low byte is the primary one. */
const codes = { busy: 5, readonly: 8, ioError: 10, full: 13, cantOpen: 14 } as const

/** What the caller of a statement is told: that there is no space, that the database can't work now, or the error itself. */
export const databaseError = (error: unknown): unknown => {
  const { errcode } = error as { readonly errcode?: number }
  if (errcode === undefined) return error
  const primary = errcode & 0xff
  if (primary === codes.full) return fail('storage_full', { what: 'the database' }, error)
  if (primary === codes.busy || primary === codes.ioError || primary === codes.readonly || primary === codes.cantOpen)
    return fail('database_unavailable', { reason: reasonOf(error) }, error)
  return error
}
