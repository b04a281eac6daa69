import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SlipwayClient } from '../../src/client/index.ts'
import { eventually, startTestApp, type TestApp } from '../../src/testing/index.ts'
import { runSlipway } from './run-slipway.ts'
import type { Ran } from './run-slipway.ts'

let app: TestApp
let client: SlipwayClient

const slipway = (...args: readonly string[]): Promise<Ran> => runSlipway(app, args)

/** Files that are stored, below the data folder. */
const stored = (of: TestApp): string[] => {
  const root = join(of.dataDir, 'artifacts', 'sha256')
  return readdirSync(root).flatMap((folder) => readdirSync(join(root, folder)))
}

const deletedRun = async (of: SlipwayClient, content: string): Promise<string> => {
  const { runId } = await of.runs.create({ name: content })
  await of.uploadArtifact(runId, 'model/file', content)
  await of.runs.delete({ runId })
  return runId
}

beforeAll(async () => {
  app = await startTestApp()
  client = new SlipwayClient({ url: app.addresses.http })
})
afterAll(() => app.stop())

describe('slipway gc', () => {
  it('says what would go and why the rest stays, and removes it when told to', async () => {
    const gone = await deletedRun(client, 'of nobody')
    const { runId: kept } = await client.runs.create({ name: 'registered' })
    await client.uploadArtifact(kept, 'model/file', 'registered')
    await client.registeredModels.create({ name: 'fraud' })
    await client.modelVersions.create({ name: 'fraud', source: `runs:/${kept}/model` })
    await client.runs.delete({ runId: kept })

    const young = await slipway('gc')
    expect(young.out).toContain('it is kept for 30 days')
    expect(young.out).toContain('0 items would go, at least 0 B to free; 2 kept')

    const dry = await slipway('gc', '--older-than', '0')
    expect(dry.out).toMatch(new RegExp(`run +${gone} +of nobody +goes +1 +9 B +deleted 0 seconds ago`))
    expect(dry.out).toContain('version fraud/1 was made from this run')
    expect(dry.out).toContain('1 item would go, at least 9 B to free; 1 kept; 2 stored files in use\n')
    expect((await client.runs.get({ runId: gone })).lifecycleStage).toBe('deleted')

    const flags = ['gc', '--delete', '--older-than', '0', '--file-age', '0']
    const done = await slipway(...flags, '--reason', 'no space', '--json')
    const { items } = JSON.parse(done.out) as { items: { kind: string; id: string; verdict: string }[] }
    expect(items.map(({ kind, verdict }) => `${kind} ${verdict}`).sort()).toEqual(['blob gone', 'run gone', 'run kept'])
    expect(stored(app)).toHaveLength(1)
    await expect(client.runs.get({ runId: gone })).rejects.toMatchObject({ code: 'resource_missing' })
    const { items: told } = await client.audit.search({ kind: 'run.purged' })
    expect(told).toMatchObject([{ reason: 'no space', subject: { type: 'run', id: gone } }])
    const again = await slipway(...flags)
    expect(again.out).toContain('0 items gone, 0 B freed; 1 kept')
  })

  it('takes ids, and refuses what it does not understand', async () => {
    const [one, other] = [await deletedRun(client, 'one'), await deletedRun(client, 'other')]
    const { out } = await slipway('gc', '--delete', '--runs', one)
    expect(out).toMatch(new RegExp(`run +${one} +one +gone`))
    expect((await client.runs.get({ runId: other })).lifecycleStage).toBe('deleted')
    expect(await slipway('gc', '--older-than', 'soon')).toMatchObject({ code: 2 })
    expect(await slipway('gc', '--older-than', '30')).toMatchObject({ code: 2 })
    expect(await slipway('gc', 'everything')).toMatchObject({ code: 2 })
    await expect(client.garbage.plan({ limit: 1001 })).rejects.toMatchObject({ status: 400 })
    await expect(client.garbage.plan({ pageToken: 'x' })).rejects.toMatchObject({ code: 'invalid_request' })
  })
})

describe('the schedule of garbage collection', () => {
  it('removes what was deleted by itself', async () => {
    await using own = await startTestApp({
      flags: ['--registry.gc.every-ms', '50ms', '--registry.gc.older-than-ms', '0'],
    })
    const of = new SlipwayClient({ url: own.addresses.http })
    const runId = await deletedRun(of, 'of nobody')
    const [purged] = await eventually('the run goes', async () => {
      const { items } = await of.audit.search({ kind: 'run.purged' })
      return items.length === 0 ? undefined : items
    })
    expect(purged).toMatchObject({ actor: 'slipway', reason: 'scheduled', subject: { id: runId } })
    await expect(of.runs.get({ runId })).rejects.toMatchObject({ code: 'resource_missing' })
    // Its file is too young to be taken for one that nobody is about to name.
    expect(stored(own)).toHaveLength(1)
  })
})
