import { openSqlite } from '../adapters/sqlite/index.ts'
import { describeMigrations } from '../testing/contracts/describe-migrations.ts'
import { VirtualClock } from '../testing/virtual-clock.ts'

describeMigrations('SQLite', () => {
  const db = openSqlite({ path: ':memory:', clock: new VirtualClock() })
  return Promise.resolve({ ...db, [Symbol.asyncDispose]: () => db.close() })
})
