import { describeRunSearch } from '../../src/testing/contracts/describe-run-search.ts'
import { openTestRegistry, type TestRegistry } from '../../src/testing/index.ts'
import { describeGuardedModels } from '../../src/testing/contracts/describe-guarded-models.ts'
import { describeRegistry } from '../../src/testing/contracts/describe-registry.ts'
import { openTestPostgres } from './open-test-postgres.ts'

const open = async (): Promise<TestRegistry> => {
  const postgres = await openTestPostgres()
  const test = await openTestRegistry(postgres.open())
  return {
    ...test,
    async [Symbol.asyncDispose]() {
      await test[Symbol.asyncDispose]()
      await postgres[Symbol.asyncDispose]()
    },
  }
}

describeRegistry('Postgres', open)
describeGuardedModels('Postgres', open)
describeRunSearch('Postgres', open)
