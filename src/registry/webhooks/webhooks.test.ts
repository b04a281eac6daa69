import { describeWebhooks } from '../../testing/contracts/describe-webhooks.ts'
import { openTestRegistry } from '../../testing/open-test-registry.ts'

describeWebhooks('SQLite', (options) => openTestRegistry(undefined, options))
