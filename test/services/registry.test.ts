import { describeRunSearch } from '../../src/testing/contracts/describe-run-search.ts'
import { openTestRegistry, type TestRegistry } from '../../src/testing/index.ts'
import { describeGarbage } from '../../src/testing/contracts/describe-garbage.ts'
import { describeGuardedModels } from '../../src/testing/contracts/describe-guarded-models.ts'
import { describeImports } from '../../src/testing/contracts/describe-imports.ts'
import { describeRegistry } from '../../src/testing/contracts/describe-registry.ts'
import type { TestRegistryOptions } from '../../src/testing/open-test-registry.ts'
import { describeWebhooks } from '../../src/testing/contracts/describe-webhooks.ts'
import { openTestPostgres } from './open-test-postgres.ts'

const open = async (options?: TestRegistryOptions): Promise<TestRegistry> => {
  const postgres = await openTestPostgres()
  const test = await openTestRegistry(postgres.open(), options)
  return {
    ...test,
    async [Symbol.asyncDispose]() {
      await test[Symbol.asyncDispose]()
      await postgres[Symbol.asyncDispose]()
    },
  }
}

describeRegistry('Postgres', () => open())
describeGuardedModels('Postgres', () => open())
describeGarbage('Postgres', open)
describeRunSearch('Postgres', () => open())
describeImports('Postgres', () => open())
describeWebhooks('Postgres', open)
