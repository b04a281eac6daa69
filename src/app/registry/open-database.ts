import { openSqlite } from '../../adapters/sqlite/index.ts'
import type { Clock, Random } from '../../lib/index.ts'
import type { Database } from '../../ports/index.ts'

const isPostgres = (database: string): boolean => /^postgres(ql)?:\/\//.test(database)

/** Opens what `--database` names: `postgres://…`, or a file of SQLite. The driver of Postgres is loaded only for it. */
export const openDatabase = async (database: string, deps: { clock: Clock; random: Random }): Promise<Database> => {
  if (!isPostgres(database)) return openSqlite({ path: database.replace(/^sqlite:(\/\/)?/, ''), clock: deps.clock })
  const { openPostgres } = await import('../../adapters/postgres/index.ts')
  return openPostgres({ url: database, ...deps })
}

/** Whether a database is elsewhere, so that it may be away for a while when the server starts. */
export const isRemote = isPostgres
