import { describeGarbage } from '../../testing/contracts/describe-garbage.ts'
import { openTestRegistry } from '../../testing/open-test-registry.ts'

describeGarbage('SQLite', (options) => openTestRegistry(undefined, options))
