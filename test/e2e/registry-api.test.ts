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

  it('tells which data a run read, and what it made of them', async () => {
    const runId = await newRun('reads')
    const { experimentId } = await client.runs.get({ runId })
    const model = await client.loggedModels.create({
      experimentId,
      name: 'forest',
      sourceRunId: runId,
      params: [{ key: 'trees', value: '100' }],
    })
    expect(model).toMatchObject({ name: 'forest', status: 'LOGGED_MODEL_PENDING', registrations: [] })
    const { modelId, artifactUri } = model
    await client.writeFile(artifactUri, 'MLmodel', 'flavors: {}')
    await client.loggedModels.finish({ modelId, status: 'LOGGED_MODEL_READY' })
    await client.loggedModels.setTag({ modelId, key: 'team', value: 'risk' })
    await client.loggedModels.logParams({ modelId, params: [{ key: 'depth', value: '3' }] })
    const data = { name: 'cards', digest: 'd1', sourceType: 'http', source: 'https://example.org/cards.csv' }
    await client.runs.logInputs({
      runId,
      datasets: [
        { ...data, context: 'training', schema: '{}' },
        { ...data, digest: 'd2' },
      ],
    })
    await client.runs.logOutputs({ runId, models: [{ modelId, step: 3 }] })
    await client.runs.log({
      runId,
      metrics: [{ key: 'auc', value: 0.9, timestamp: 1, step: 1, modelId, datasetName: 'cards', datasetDigest: 'd1' }],
    })
    const run = await client.runs.get({ runId })
    expect(run.datasets).toEqual([
      { ...data, context: 'training' },
      { ...data, digest: 'd2' },
    ])
    expect(run).toMatchObject({ modelInputs: [], modelOutputs: [modelId] })
    const { metrics, params, tags, status } = await client.loggedModels.get({ modelId })
    expect({ metrics, tags, status }).toEqual({
      metrics: [{ key: 'auc', value: 0.9, timestamp: 1, step: 1, runId, datasetName: 'cards', datasetDigest: 'd1' }],
      tags: [{ key: 'team', value: 'risk' }],
      status: 'LOGGED_MODEL_READY',
    })
    expect(params).toContainEqual({ key: 'depth', value: '3' })
    const worse = await client.loggedModels.create({ experimentId, name: 'tree', sourceRunId: runId })
    await client.runs.log({
      runId,
      metrics: [{ key: 'auc', value: 0.7, timestamp: 1, step: 1, modelId: worse.modelId }],
    })
    const search = { experimentIds: [experimentId], orderBy: ['metrics.auc ASC'], limit: 1 }
    const found = await Array.fromAsync(client.each('loggedModels.search', search))
    expect(found.map(({ name }) => name)).toEqual(['tree', 'forest'])
    const best = await client.loggedModels.search({
      ...search,
      orderBy: ['metrics.auc desc'],
      datasets: [{ name: 'cards' }],
    })
    expect(best.items.map(({ name }) => name)).toEqual(['forest'])

    await client.registeredModels.create({ name: 'forest' })
    await client.modelVersions.create({ name: 'forest', source: `models:/${modelId}` })
    expect((await client.loggedModels.get({ modelId })).registrations).toEqual([{ name: 'forest', version: 1 }])
    await client.loggedModels.deleteTag({ modelId, key: 'team' })
    await client.loggedModels.delete({ modelId: worse.modelId })
    await expect(client.loggedModels.get({ modelId: worse.modelId })).rejects.toMatchObject({ status: 404 })
    await expect(client.loggedModels.search({ ...search, orderBy: ['nobody'] })).rejects.toMatchObject({
      code: 'invalid_request',
    })
  })

  it('copies a version to another model', async () => {
    const runId = await newRun('copies')
    await client.uploadArtifact(runId, 'model/MLmodel', 'flavors: {}')
    await client.registeredModels.create({ name: 'staging.cards' })
    await client.modelVersions.create({
      name: 'staging.cards',
      source: `runs:/${runId}/model`,
      description: 'good',
      tags: [{ key: 'validated', value: 'yes' }],
    })
    const copy = await client.modelVersions.copy({ name: 'staging.cards', version: '1', to: 'prod.cards' })
    expect(copy).toMatchObject({
      name: 'prod.cards',
      version: 1,
      runId,
      source: 'models:/staging.cards/1',
      description: 'good',
      tags: [{ key: 'validated', value: 'yes' }],
    })
    expect(await client.modelVersions.copy({ name: 'staging.cards', version: '1', to: 'prod.cards' })).toMatchObject({
      version: 2,
    })
    const { edges } = await client.lineage.graph({ kind: 'version', id: 'prod.cards/1', direction: 'upstream' })
    expect(edges).toContainEqual(
      expect.objectContaining({ from: 'version:staging.cards/1', kind: 'copied', to: 'version:prod.cards/1' }),
    )
    await expect(
      client.modelVersions.copy({ name: 'staging.cards', version: '7', to: 'nowhere' }),
    ).rejects.toMatchObject({ status: 404 })
    await expect(client.registeredModels.get({ name: 'nowhere' })).rejects.toMatchObject({ status: 404 })
  })

  it('registers prompts, and loads them by version, alias and as the newest', async () => {
    const first = await client.prompts.register({ name: 'greet', template: 'Hello {{name}}', description: 'plain' })
    expect(first).toMatchObject({ name: 'greet', version: 1, template: 'Hello {{name}}', type: 'text', tags: [] })
    const chat = '[{"role": "user", "content": "Hi {{name}}"}]'
    const tags = [{ key: 'tone', value: 'warm' }]
    expect(await client.prompts.register({ name: 'greet', template: chat, type: 'chat', tags })).toMatchObject({
      version: 2,
      type: 'chat',
      tags,
    })
    await client.registeredModels.setAlias({ name: 'greet', alias: 'production', version: '1' })
    expect(await client.prompts.load({ name: 'greet' })).toMatchObject({ version: 2, template: chat })
    expect(await client.prompts.load({ name: 'greet', version: '1' })).toMatchObject({ aliases: ['production'] })
    expect(await client.prompts.load({ name: 'greet', alias: 'production' })).toMatchObject({ version: 1 })
    const search = async (filter?: string): Promise<string[]> => {
      const { items } = await client.prompts.search(filter === undefined ? {} : { filter })
      return items.map(({ name, latestVersion }) => `${name} ${latestVersion ?? ''}`)
    }
    expect(await search()).toEqual(['greet 2'])
    expect(await search("name = 'greet' OR name = 'cards'")).toEqual(['greet 2'])
    expect(await search("name = 'other'")).toEqual([])
    expect(await search("name = 'fraud') OR (name = 'greet'")).toEqual(['greet 2'])
    expect((await client.registeredModels.search({})).items.map(({ name }) => name)).not.toContain('greet')

    await client.registeredModels.create({ name: 'no prompt' })
    const wrong = { status: 400, code: 'invalid_request' }
    await expect(client.prompts.register({ name: 'no prompt', template: 'x' })).rejects.toMatchObject(wrong)
    await expect(client.prompts.register({ name: 'greet', template: 'x', type: 'chat' })).rejects.toMatchObject(wrong)
    const own = [{ key: 'mlflow.prompt.text', value: 'other' }]
    await expect(client.prompts.register({ name: 'greet', template: 'x', tags: own })).rejects.toMatchObject(wrong)
    await expect(client.prompts.load({ name: 'greet', alias: 'production', version: '1' })).rejects.toMatchObject(wrong)
    await expect(client.prompts.load({ name: 'greet', alias: 'nope' })).rejects.toThrow('nope')
    await expect(client.prompts.load({ name: 'nope' })).rejects.toMatchObject({ status: 404 })
    await expect(client.modelVersions.copy({ name: 'greet', version: '1', to: 'hello' })).rejects.toMatchObject(wrong)
  })

  it('finds traces, reads their spans, and says what they are worth', async () => {
    const { experimentId } = await client.experiments.create({ name: 'traces' })
    const span = {
      traceId: '000102030405060708090a0b0c0d0e0f',
      spanId: '0001020304050607',
      name: 'answer',
      startTimeUnixNano: '1700000000123456789',
      endTimeUnixNano: '1700000001123456789',
      attributes: [{ key: 'n', value: { intValue: '9007199254740993' } }],
      status: { code: 1 },
    }
    const sent = await app.fetch('/v1/traces', {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-mlflow-experiment-id': experimentId },
      body: JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] }),
    })
    expect(sent.status).toBe(200)
    const traceId = 'tr-000102030405060708090a0b0c0d0e0f'
    const [found] = await Array.fromAsync(client.each('traces.search', { experimentIds: [experimentId], limit: 1 }))
    expect(found).toMatchObject({ traceId, experimentId, state: 'OK', durationMs: 1000, assessments: [] })
    const whole = await client.traces.get({ traceId })
    expect(whole).toMatchObject({
      isWhole: true,
      spans: [{ spanId: span.spanId, name: 'answer', startNs: span.startTimeUnixNano, endNs: span.endTimeUnixNano }],
    })
    expect(whole.spans?.[0]?.attributes).toContainEqual({ key: 'n', value: '9007199254740993' })

    await client.traces.setTag({ traceId, key: 'seen', value: 'yes' })
    const filter = "tags.seen = 'yes'"
    expect((await client.traces.search({ experimentIds: [experimentId], filter })).items).toHaveLength(1)
    await client.traces.deleteTag({ traceId, key: 'seen' })
    expect((await client.traces.search({ experimentIds: [experimentId], filter })).items).toEqual([])

    const good = await client.traces.assess({
      traceId,
      kind: 'feedback',
      name: 'right',
      value: 'true',
      rationale: 'read it',
    })
    expect(good).toMatchObject({ kind: 'feedback', name: 'right', content: '{"value":true}', sourceType: 'HUMAN' })
    const value = '{"answer": 42}'
    await client.traces.assess({
      traceId,
      kind: 'expectation',
      name: 'wanted',
      value,
      sourceType: 'CODE',
      sourceId: 'ci',
    })
    const assessed = (await client.traces.get({ traceId })).assessments
    expect(assessed.map(({ name, content }) => [name, JSON.parse(content) as unknown])).toEqual([
      ['right', { value: true }],
      ['wanted', { serialized_value: { serialization_format: 'JSON_FORMAT', value } }],
    ])
    await client.traces.deleteAssessment({ traceId, assessmentId: good.assessmentId })
    expect((await client.traces.get({ traceId })).assessments).toHaveLength(1)
    await expect(
      client.traces.assess({ traceId, kind: 'feedback', name: 'right', value: 'yes' }),
    ).rejects.toMatchObject({ code: 'invalid_request' })
    await client.traces.delete({ traceId })
    await expect(client.traces.get({ traceId })).rejects.toMatchObject({ status: 404 })
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
