import { describeEndpoints } from '../../testing/contracts/describe-endpoints.ts'
import { openTestRegistry } from '../../testing/open-test-registry.ts'

describeEndpoints('SQLite', (options) => openTestRegistry(undefined, options))
