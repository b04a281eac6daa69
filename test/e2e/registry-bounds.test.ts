import { startTestApp } from '../../src/testing/index.ts'
import { boundsFlags, describeRegistryBounds } from './registry-bounds.ts'

describeRegistryBounds('SQLite', () => startTestApp({ flags: boundsFlags }))
