import { describeImports } from '../../testing/contracts/describe-imports.ts'
import { openTestRegistry } from '../../testing/open-test-registry.ts'

describeImports('SQLite', () => openTestRegistry())
