import { describeRegistry } from '../testing/contracts/describe-registry.ts'
import { describeRunSearch } from '../testing/contracts/describe-run-search.ts'
import { openTestRegistry } from '../testing/open-test-registry.ts'

describeRegistry('SQLite', () => openTestRegistry())
describeRunSearch('SQLite', () => openTestRegistry())
