import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { addModel, eventually, inferBody, startTestApp } from '../../src/testing/index.ts'
import type { TestApp } from '../../src/testing/index.ts'
import { expectOk, moveAlias, putEndpoint, registerVersion } from '../e2e/registered-version.ts'
import { openDoor } from './door.ts'
import { openTestPostgres } from './open-test-postgres.ts'

const adds = (amount: number): Record<string, string> => ({ 'model.mjs': addModel(amount) })

/** The version that answers; undefined while none does. */
const version = async (app: TestApp): Promise<string | undefined> => {
  const response = await app.post('/v2/models/fraud/infer', inferBody([10]))
  const body = (await response.json()) as { model_version?: string }
  return response.ok ? body.model_version : undefined
}

const temporaryFolder = (): { readonly path: string } & Disposable => {
  const path = mkdtempSync(join(tmpdir(), 'slipway-endpoints-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

const isOpen = (app: TestApp): Promise<unknown> =>
  eventually('the registry is open', async () => ((await app.fetch('/api/slipway/v1/endpoints')).ok ? true : undefined))

describe('endpoints of two servers on one Postgres', () => {
  it('follow the same moves within two seconds, back again too', async () => {
    await using postgres = await openTestPostgres()
    using folder = temporaryFolder()
    const flags = ['--database', postgres.url, '--artifacts', folder.path]
    await using first = await startTestApp({ flags })
    await using second = await startTestApp({ flags })
    await Promise.all([isOpen(first), isOpen(second)])
    for (const amount of [1, 2]) await registerVersion(first, 'fraud', adds(amount))
    await expectOk(await moveAlias(first, 'fraud', 'champion', 1))
    await expectOk(await putEndpoint(first, 'fraud', { reference: 'models:/fraud@champion' }))
    await eventually('the second server serves it too', async () =>
      (await version(second)) === '1' ? true : undefined,
    )
    const followed = async (by: TestApp, wanted: string): Promise<number> => {
      const startedAt = performance.now()
      await eventually(`version ${wanted}`, async () => ((await version(by)) === wanted ? true : undefined))
      return performance.now() - startedAt
    }
    await expectOk(await moveAlias(first, 'fraud', 'champion', 2))
    expect(await version(first)).toBe('2')
    // The first time includes a load.
    expect(await followed(second, '2')).toBeLessThan(2000)
    await expectOk(await second.post('/api/slipway/v1/endpoints/fraud/rollback', {}))
    expect(await version(second)).toBe('1')
    expect(await followed(first, '1')).toBeLessThan(2000)
    await expectOk(await first.fetch('/api/slipway/v1/endpoints/fraud', { method: 'DELETE' }))
    await eventually('it is gone there too', async () => ((await version(second)) === undefined ? true : undefined))
  })

  it('serve on while Postgres is away, start without it from what served last, and follow again when it is back', async () => {
    await using postgres = await openTestPostgres()
    await using door = await openDoor(new URL(postgres.url))
    using folder = temporaryFolder()
    const flags = ['--database', door.url, '--data-dir', join(folder.path, 'data')]
    {
      await using app = await startTestApp({ flags })
      await isOpen(app)
      for (const amount of [1, 2]) await registerVersion(app, 'fraud', adds(amount))
      await expectOk(await moveAlias(app, 'fraud', 'champion', 1))
      await expectOk(await putEndpoint(app, 'fraud', { reference: 'models:/fraud@champion' }))
      door.cut()
      expect(await version(app)).toBe('1')
      expect((await moveAlias(app, 'fraud', 'champion', 2)).status).toBe(503)
      expect(await version(app)).toBe('1')
    }
    await using again = await startTestApp({ flags })
    expect(await version(again)).toBe('1')
    door.state = 'open'
    await isOpen(again)
    await expectOk(await moveAlias(again, 'fraud', 'champion', 2))
    expect(await version(again)).toBe('2')
  })
})
