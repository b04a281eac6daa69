import { systemClock } from '../../src/lib/index.ts'
import { describeDatabase } from '../../src/testing/contracts/describe-database.ts'
import { openTestPostgres } from './open-test-postgres.ts'

describeDatabase('Postgres', async () => {
  const test = await openTestPostgres()
  const db = test.open()
  return {
    db,
    clock: systemClock,
    again: () => test.open(),
    async [Symbol.asyncDispose]() {
      await db.close().catch(() => {})
      await test[Symbol.asyncDispose]()
    },
  }
})
