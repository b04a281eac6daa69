import type { RegistryDeps } from '../../src/registry/index.ts'
import { openTestRegistry, type TestRegistry } from '../../src/testing/index.ts'
import { describeGuardedModels } from '../../src/testing/contracts/describe-guarded-models.ts'
import { describeRegistry } from '../../src/testing/contracts/describe-registry.ts'
import { describeWebhooks } from '../../src/testing/contracts/describe-webhooks.ts'
import { openTestPostgres } from './open-test-postgres.ts'

const open = async (options?: Pick<RegistryDeps, 'webhooks'>): Promise<TestRegistry> => {
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
describeWebhooks('Postgres', open)
