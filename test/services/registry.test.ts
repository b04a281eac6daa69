import { openTestRegistry } from '../../src/testing/index.ts'
import { describeRegistry } from '../../src/testing/contracts/describe-registry.ts'
import { openTestPostgres } from './open-test-postgres.ts'

describeRegistry('Postgres', async () => {
  const postgres = await openTestPostgres()
  const test = await openTestRegistry(postgres.open())
  return {
    ...test,
    async [Symbol.asyncDispose]() {
      await test[Symbol.asyncDispose]()
      await postgres[Symbol.asyncDispose]()
    },
  }
})
