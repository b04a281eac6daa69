import { startTestApp } from '../../src/testing/index.ts'
import { boundsFlags, describeRegistryBounds } from '../e2e/registry-bounds.ts'
import { openTestPostgres } from './open-test-postgres.ts'

describeRegistryBounds('Postgres', async () => {
  const postgres = await openTestPostgres()
  const app = await startTestApp({ flags: ['--database', postgres.url, ...boundsFlags] })
  return {
    ...app,
    async stop() {
      await app.stop()
      await postgres[Symbol.asyncDispose]()
    },
  }
})
