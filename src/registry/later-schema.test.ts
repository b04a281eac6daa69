import { openSqlite } from '../adapters/sqlite/index.ts'
import { describeEndpoints } from '../testing/contracts/describe-endpoints.ts'
import { describeGuardedModels } from '../testing/contracts/describe-guarded-models.ts'
import { describeImports } from '../testing/contracts/describe-imports.ts'
import { describeRegistry } from '../testing/contracts/describe-registry.ts'
import { describeWebhooks } from '../testing/contracts/describe-webhooks.ts'
import { withLaterSchema } from '../testing/later-schema.ts'
import { openTestRegistry } from '../testing/open-test-registry.ts'
import type { TestRegistry, TestRegistryOptions } from '../testing/open-test-registry.ts'
import { VirtualClock } from '../testing/virtual-clock.ts'

const open = async (options?: TestRegistryOptions): Promise<TestRegistry> =>
  openTestRegistry(await withLaterSchema(openSqlite({ path: ':memory:', clock: new VirtualClock() })), options)

// A server goes on working beside a newer one, which has migrated their database.
const name = 'the schema of a newer server'
describeRegistry(name, () => open())
describeGuardedModels(name, () => open())
describeImports(name, () => open())
describeEndpoints(name, open)
describeWebhooks(name, open)
