import { describeGuardedModels } from '../../testing/contracts/describe-guarded-models.ts'
import { openTestRegistry } from '../../testing/open-test-registry.ts'

describeGuardedModels('SQLite', () => openTestRegistry())
