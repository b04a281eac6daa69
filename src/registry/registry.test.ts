import { describeRegistry } from '../testing/contracts/describe-registry.ts'
import { openTestRegistry } from '../testing/open-test-registry.ts'

describeRegistry('SQLite', () => openTestRegistry())
