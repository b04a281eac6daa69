import { describeRegistry } from '../../src/testing/contracts/describe-registry.ts'
import { describeMigrations } from '../../src/testing/contracts/describe-migrations.ts'
import { openTestRegistry } from '../../src/testing/index.ts'
import { withLaterSchema } from '../../src/testing/later-schema.ts'
import { openTestPostgres } from './open-test-postgres.ts'

describeMigrations('Postgres', async () => {
  const postgres = await openTestPostgres()
  const db = postgres.open()
  return {
    dialect: db.dialect,
    query: (sql, args) => db.query(sql, args),
    executeMany: (sql, argsOfEach) => db.executeMany(sql, argsOfEach),
    transact: (fn) => db.transact(fn),
    close: () => db.close(),
    async [Symbol.asyncDispose]() {
      await db.close()
      await postgres[Symbol.asyncDispose]()
    },
  }
})

describeRegistry('the schema of a newer server on Postgres', async () => {
  const postgres = await openTestPostgres()
  const test = await openTestRegistry(await withLaterSchema(postgres.open()))
  return {
    ...test,
    async [Symbol.asyncDispose]() {
      await test[Symbol.asyncDispose]()
      await postgres[Symbol.asyncDispose]()
    },
  }
})
