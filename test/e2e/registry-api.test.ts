import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SlipwayClient } from '../../src/client/index.ts'
import { startTestApp, type TestApp } from '../../src/testing/index.ts'

let app: TestApp
let client: SlipwayClient

beforeAll(async () => {
  app = await startTestApp()
  client = new SlipwayClient({ url: app.addresses.http })
})
afterAll(() => app.stop())

const newRun = async (name: string): Promise<string> => {
  const { experimentId } = await client.experiments.create({ name })
  return (await client.runs.create({ experimentId, name: 'first' })).runId
}

describe('the typed client', () => {
  it('tracks a run from its start to its end', async () => {
    const runId = await newRun('tracks')
    await client.runs.log({
      runId,
      metrics: [
        { key: 'loss', value: 0.5, timestamp: 1, step: 0 },
        { key: 'loss', value: 'NaN', timestamp: 2, step: 1 },
        { key: 'loss/val', value: '-Infinity', timestamp: 2, step: 1 },
      ],
      params: [{ key: '__proto__', value: 'x' }],
    })
    await client.runs.setTag({ runId, key: 'team/a b', value: 'fraud' })
    const ended = await client.runs.update({ runId, status: 'FINISHED', endTime: 5 })
    expect(ended).toMatchObject({
      status: 'FINISHED',
      endTime: 5,
      metrics: [
        { key: 'loss', value: 'NaN', step: 1 },
        { key: 'loss/val', value: '-Infinity' },
      ],
      params: [{ key: '__proto__', value: 'x' }],
    })
    expect(ended.tags).toContainEqual({ key: 'team/a b', value: 'fraud' })
    const history = await Array.fromAsync(client.each('runs.history', { runId, key: 'loss', limit: 1 }))
    expect(history.map(({ step, value }) => [step, value])).toEqual([
      [0, 0.5],
      [1, 'NaN'],
    ])
    expect((await client.runs.history({ runId, key: 'loss/val' })).items).toHaveLength(1)
  })

  it('finds runs with OR and NOT, page by page', async () => {
    const { experimentId } = await client.experiments.create({ name: 'finds' })
    for (const name of ['a', 'b', 'c']) await client.runs.create({ experimentId, name })
    const filter = "run_name = 'a' OR NOT (run_name = 'a' OR run_name = 'b')"
    const found = client.each('runs.search', { experimentIds: [experimentId], filter, limit: 1 })
    expect((await Array.fromAsync(found)).map(({ name }) => name).sort()).toEqual(['a', 'c'])
  })

  it('carries artifacts both ways, and registers what a run made', async () => {
    const runId = await newRun('registers')
    await client.uploadArtifact(runId, 'model/MLmodel', 'flavors: {}')
    const bytes = await new Response(await client.downloadArtifact(runId, 'model/MLmodel')).text()
    expect(bytes).toBe('flavors: {}')
    expect((await client.runs.artifacts({ runId, path: 'model' })).items).toEqual([
      { path: 'model/MLmodel', isFolder: false, bytes: 11 },
    ])
    await client.registeredModels.create({ name: 'fraud', tags: [{ key: 'team', value: 'risk' }] })
    const version = await client.modelVersions.create({ name: 'fraud', source: `runs:/${runId}/model` })
    expect(version).toMatchObject({ version: 1, runId, stage: 'None' })
    await client.registeredModels.setAlias({ name: 'fraud', alias: 'champion', version: '1', reason: 'best so far' })
    expect(await client.registeredModels.aliased({ name: 'fraud', alias: 'champion' })).toMatchObject({ version: 1 })
    await expect(client.uploadArtifact(runId, 'model/MLmodel', 'other')).rejects.toMatchObject({
      code: 'artifact_sealed',
    })
    await client.modelVersions.delete({ name: 'fraud', version: '1' })
    await expect(client.modelVersions.get({ name: 'fraud', version: '1' })).rejects.toMatchObject({ status: 404 })
  })

  it('tells what was wrong by the field', async () => {
    await expect(client.runs.get({ runId: 'f'.repeat(32) })).rejects.toMatchObject({
      name: 'SlipwayError',
      status: 404,
      code: 'resource_missing',
    })
    const post = async (path: string, body: unknown): Promise<string> =>
      (await app.post(`/api/slipway/v1${path}`, body)).text()
    expect(await post('/experiments', {})).toContain("'name' is missing")
    expect(await post('/experiments', { name: 'x', nme: 1 })).toContain("'nme' is not known")
    expect(await post('/experiments', { name: 1 })).toContain("'name' must be a text")
    expect(await post('/experiments', [])).toContain('must be a JSON object')
    expect(await post('/experiments', '{"name"')).toContain('JSON')
    expect(await post('/runs/search', { experimentIds: ['0'], limit: 0 })).toContain("'limit' must be 1 to 50000")
    expect(await post('/runs/search', { experimentIds: ['0'], filter: 'nobody = 1' })).toContain('nobody')
  })
})
