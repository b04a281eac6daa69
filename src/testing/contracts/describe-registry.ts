import { describe, expect, it } from 'vitest'
import type { Actor, Run } from '../../registry/index.ts'
import type { TestRegistry } from '../open-test-registry.ts'

const actor: Actor = { name: 'ada' }
const metric = (key: string, value: number, step = 0, timestamp = 0) => ({ key, value, step, timestamp })

const newRun = ({ registry }: TestRegistry, name = '', startTime = 1): Promise<Run> =>
  registry.runs.create({ experimentId: '0', name, userId: 'ada', startTime, tags: [] })

const newVersion = ({ registry }: TestRegistry, name: string, source = 'mlflow-artifacts:/0/models/m') =>
  registry.versions.create({ name, source, runId: '', runLink: '', modelId: '', description: '', tags: [] }, actor)

const names = async (test: TestRegistry, filter: string, orderBy: readonly string[] = []): Promise<string[]> => {
  const found: string[] = []
  let pageToken: string | undefined
  do {
    const query = { experimentIds: ['0'], view: 'active', filter, orderBy, limit: 2, pageToken } as const
    const page = await test.registry.runs.search(query)
    found.push(...page.items.map(({ info }) => info.name))
    pageToken = page.nextPageToken
  } while (pageToken !== undefined)
  return found
}

const describeTracking = (open: () => Promise<TestRegistry>): void => {
  it('keeps the names of experiments unique, deleted ones among them', async () => {
    await using test = await open()
    const { experiments } = test.registry
    const id = await experiments.create('fraud', { tags: [{ key: '__proto__', value: 'x' }] })
    await expect(experiments.create('fraud')).rejects.toMatchObject({ code: 'resource_exists' })
    await experiments.delete(id)
    await expect(experiments.create('fraud')).rejects.toMatchObject({ code: 'resource_exists' })
    expect((await experiments.search({ view: 'deleted', limit: 10 })).items.map(({ name }) => name)).toEqual(['fraud'])
    await experiments.restore(id)
    expect((await experiments.require(id)).tags).toEqual([{ key: '__proto__', value: 'x' }])
    const found = await experiments
      .search({ view: 'all', limit: 1, filter: "name ILIKE 'FR%' OR experiment_id = 0" })
      .catch((error: Error) => error.message)
    expect(found).toContain('experiment_id')
  })

  it('counts the measurement of the highest step, latest time and largest value as the newest', async () => {
    await using test = await open()
    const { info } = await newRun(test)
    const { log, runs, history } = test.registry
    await log.logBatch(info.runId, {
      metrics: [
        metric('a', 5, 1, 9),
        metric('a', 1, 2, 3),
        metric('a', 2, 2, 3),
        metric('b', NaN),
        metric('c', -Infinity),
      ],
    })
    await log.logBatch(info.runId, { metrics: [metric('a', 9, 0, 99), metric('a', 2, 2, 3)] })
    const { metrics } = await runs.require(info.runId)
    expect(metrics.map(({ key, value, step }) => [key, value, step])).toEqual([
      ['a', 2, 2],
      ['b', NaN, 0],
      ['c', -Infinity, 0],
    ])
    const all: unknown[] = []
    let pageToken: string | undefined
    do {
      const page = await history.page(info.runId, 'a', { limit: 2, pageToken })
      all.push(...page.metrics.map(({ step, timestamp, value }) => [step, timestamp, value]))
      pageToken = page.nextPageToken
    } while (pageToken !== undefined)
    expect(all).toEqual([
      [0, 99, 9],
      [1, 9, 5],
      [2, 3, 1],
      [2, 3, 2],
    ])
  })

  it('writes a param once, and a batch whole or not at all', async () => {
    await using test = await open()
    const { info } = await newRun(test)
    const { log, runs } = test.registry
    await log.logBatch(info.runId, { params: [{ key: 'depth', value: '3' }] })
    await log.logBatch(info.runId, { params: [{ key: 'depth', value: '3' }] })
    const changed = {
      params: [
        { key: 'width', value: '9' },
        { key: 'depth', value: '4' },
      ],
      metrics: [metric('m', 1)],
    }
    await expect(log.logBatch(info.runId, changed)).rejects.toMatchObject({ code: 'invalid_parameter' })
    const { params, metrics } = await runs.require(info.runId)
    expect([params, metrics]).toEqual([[{ key: 'depth', value: '3' }], []])
  })

  it('takes nothing for a deleted run until it is restored', async () => {
    await using test = await open()
    const { info } = await newRun(test)
    const { log, runs } = test.registry
    await runs.delete(info.runId)
    await runs.delete(info.runId)
    await expect(log.logBatch(info.runId, { metrics: [metric('m', 1)] })).rejects.toThrow(
      "must be in the 'active' state",
    )
    expect(await names(test, '')).toEqual([])
    await runs.restore(info.runId)
    await log.logBatch(info.runId, { metrics: [metric('m', 1)] })
    expect(await names(test, 'metrics.m = 1')).toHaveLength(1)
  })

  it('takes a thousand metrics at once, and many writers of one run', async () => {
    await using test = await open()
    const { info } = await newRun(test)
    const { log, runs } = test.registry
    const batch = (from: number) =>
      Array.from({ length: 1000 }, (_, index) => metric(`m${index % 50}`, index, from + index))
    await Promise.all([0, 1000, 2000, 3000].map((from) => log.logBatch(info.runId, { metrics: batch(from) })))
    const { metrics } = await runs.require(info.runId)
    expect(metrics).toHaveLength(50)
    expect(metrics.find(({ key }) => key === 'm49')).toMatchObject({ step: 3999, value: 999 })
  })

  it('searches by everything that a run has, in order and page by page', async () => {
    await using test = await open()
    const { log } = test.registry
    const values = [0.5, NaN, -1, 0.25, undefined]
    for (const [index, value] of values.entries()) {
      const { info } = await newRun(test, `run ${index}`, 10 + index)
      await log.logBatch(info.runId, {
        metrics: value === undefined ? [] : [metric('auc', value)],
        params: [{ key: 'Depth', value: index % 2 === 0 ? 'even' : 'odd' }],
        tags: [{ key: 'a.b', value: `T${index}` }],
      })
    }
    expect(await names(test, '')).toEqual(['run 4', 'run 3', 'run 2', 'run 1', 'run 0'])
    expect(await names(test, 'metrics.auc > -2', ['metrics.auc DESC'])).toEqual(['run 0', 'run 3', 'run 2'])
    expect(await names(test, '', ['metrics.auc ASC'])).toEqual(['run 2', 'run 3', 'run 0', 'run 1', 'run 4'])
    expect(await names(test, "params.Depth = 'odd' AND metrics.auc < 1")).toEqual(['run 3'])
    expect(await names(test, "tags.`a.b` LIKE 'T%' AND tags.`a.b` != 'T4'", ['tags.`a.b` DESC'])).toHaveLength(4)
    expect(await names(test, "tags.`a.b` LIKE 't%'")).toEqual([])
    expect(await names(test, "tags.`a.b` ILIKE 't2'")).toEqual(['run 2'])
    expect(await names(test, "NOT (params.Depth = 'odd') OR run_name = 'run 1'")).toEqual([
      'run 4',
      'run 2',
      'run 1',
      'run 0',
    ])
    expect(await names(test, 'start_time >= 12 AND start_time < 14')).toEqual(['run 3', 'run 2'])
    expect(await names(test, 'metrics.auc IN (0.5, 0.25)')).toEqual(['run 3', 'run 0'])
    expect(await names(test, 'tags.nobody IS NULL', ['start_time ASC'])).toHaveLength(5)
    await expect(names(test, "metrics.auc = 'x'")).rejects.toThrow('numeric')
  })

  it('knows the data sets and models that a run read and made', async () => {
    await using test = await open()
    const { log, loggedModels, runs } = test.registry
    const { info } = await newRun(test, 'reads')
    const dataset = {
      name: 'iris',
      digest: 'abc',
      sourceType: 'http',
      source: '{}',
      schema: undefined,
      profile: undefined,
    }
    const made = await loggedModels.create({
      experimentId: '0',
      name: 'net',
      modelType: '',
      sourceRunId: info.runId,
      params: [{ key: 'depth', value: '3' }],
      tags: [],
    })
    await log.logInputs(info.runId, [{ dataset, tags: [{ key: 'mlflow.data.context', value: 'train' }] }], [])
    await log.logOutputs(info.runId, [{ modelId: made.modelId, step: 2 }])
    await log.logBatch(info.runId, {
      metrics: [{ ...metric('acc', 0.75), modelId: made.modelId, datasetName: 'iris', datasetDigest: 'abc' }],
    })
    await loggedModels.finish(made.modelId, 'LOGGED_MODEL_READY')
    const run = await runs.require(info.runId)
    expect(run.inputs).toEqual([{ dataset, tags: [{ key: 'mlflow.data.context', value: 'train' }] }])
    expect(run.modelOutputs).toEqual([{ modelId: made.modelId, step: 2 }])
    expect(await names(test, "datasets.name = 'iris' AND dataset.context = 'train'")).toEqual(['reads'])
    const search = { experimentIds: ['0'], datasets: [{ name: 'iris' }], limit: 10, order: [] }
    const found = await loggedModels.search({ ...search, filter: 'metrics.acc > 0.5' })
    expect(found.items.map(({ modelId, status }) => [modelId, status])).toEqual([[made.modelId, 'LOGGED_MODEL_READY']])
    expect((await loggedModels.search({ ...search, filter: 'metrics.acc > 0.8' })).items).toEqual([])
  })
}

const describeModels = (open: () => Promise<TestRegistry>): void => {
  it('numbers the versions densely, however many are made at once', async () => {
    await using test = await open()
    await test.registry.models.create('fraud', {}, actor)
    const made = await Promise.all(Array.from({ length: 50 }, () => newVersion(test, 'fraud')))
    expect(made.map(({ version }) => version).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 50 }, (_, i) => i + 1),
    )
    await test.registry.versions.delete('fraud', '50', actor)
    expect((await newVersion(test, 'fraud')).version).toBe(51)
  })

  it('moves aliases, and takes them along when a model is renamed', async () => {
    await using test = await open()
    const { models, versions } = test.registry
    await models.create('fraud', { tags: [{ key: 'constructor', value: 'x' }] }, actor)
    await newVersion(test, 'fraud')
    await newVersion(test, 'fraud')
    await models.setAlias('fraud', '__proto__', '1', actor)
    await models.setAlias('fraud', 'champion', '1', actor)
    await models.setAlias('fraud', 'champion', '2', actor)
    await expect(models.setAlias('fraud', 'latest', '1', actor)).rejects.toMatchObject({ code: 'invalid_parameter' })
    await expect(models.setAlias('fraud', 'V7', '1', actor)).rejects.toMatchObject({ code: 'invalid_parameter' })
    await models.rename('fraud', 'risk', actor)
    expect(await models.versionByAlias('risk', 'champion')).toMatchObject({ name: 'risk', version: 2 })
    const risk = await models.require('risk')
    expect(risk.aliases).toEqual([
      { alias: '__proto__', version: 1 },
      { alias: 'champion', version: 2 },
    ])
    expect(risk.tags).toEqual([{ key: 'constructor', value: 'x' }])
    await versions.delete('risk', '2', actor)
    await expect(models.versionByAlias('risk', 'champion')).rejects.toMatchObject({ code: 'invalid_parameter' })
    await models.delete('risk', actor)
    await expect(models.require('risk')).rejects.toMatchObject({ code: 'resource_missing' })
  })

  it('moves versions between stages, and archives the ones that were there', async () => {
    await using test = await open()
    const { models, versions } = test.registry
    await models.create('fraud', {}, actor)
    for (let count = 0; count < 3; count++) await newVersion(test, 'fraud')
    const move = (version: string, stage: string, archiveExisting = false) =>
      versions.transition('fraud', version, { stage, archiveExisting }, actor)
    await move('1', 'production')
    await move('2', 'Production', true)
    await move('3', 'staging')
    const latest = await models.latestVersions('fraud', [])
    expect(new Map(latest.map(({ version, stage }) => [version, stage]))).toEqual(
      new Map([
        [1, 'Archived'],
        [2, 'Production'],
        [3, 'Staging'],
      ]),
    )
    await expect(move('1', 'nowhere')).rejects.toMatchObject({ code: 'invalid_parameter' })
  })

  it('seals the files of a registered version until it is gone', async () => {
    await using test = await open()
    const { models, versions, artifacts } = test.registry
    await test.upload('0/models/m/MLmodel', 'one')
    await models.create('fraud', {}, actor)
    await newVersion(test, 'fraud')
    await newVersion(test, 'fraud')
    for (const path of ['0/models/m/MLmodel', '0/models/m/new', '0/models/m'])
      await expect(test.upload(path, 'two')).rejects.toBeDefined()
    await expect(artifacts.delete('0/models')).rejects.toMatchObject({ code: 'artifact_sealed' })
    await versions.delete('fraud', '1', actor)
    await expect(artifacts.delete('0/models/m/MLmodel')).rejects.toMatchObject({ code: 'artifact_sealed' })
    await versions.delete('fraud', '2', actor)
    await artifacts.delete('0/models')
    expect(await artifacts.list('0')).toEqual([])
  })

  it('finds models and versions, and hides prompts unless they are asked for', async () => {
    await using test = await open()
    const { models, versions } = test.registry
    const isPrompt = [{ key: 'mlflow.prompt.is_prompt', value: 'true' }]
    await models.create('alpha', { tags: [{ key: 'team', value: 'risk' }] }, actor)
    await models.create('beta', {}, actor)
    await models.create('hello', { tags: isPrompt }, actor)
    await newVersion(test, 'alpha')
    await newVersion(test, 'alpha', 'models:/alpha/1')
    const found = async (filter: string) => (await models.search({ filter, limit: 10 })).items.map(({ name }) => name)
    expect(await found('')).toEqual(['alpha', 'beta'])
    expect(await found("tags.`mlflow.prompt.is_prompt` = 'true'")).toEqual(['hello'])
    expect(await found("tags.team = 'risk' OR name = 'beta'")).toEqual(['alpha', 'beta'])
    const page = await versions.search({ filter: "name = 'alpha' AND version_number >= 1", limit: 1 })
    expect(page.items).toHaveLength(1)
    const rest = await versions.search({
      filter: "name = 'alpha' AND version_number >= 1",
      limit: 5,
      pageToken: page.nextPageToken,
    })
    expect([...page.items, ...rest.items].map(({ version }) => version)).toEqual([2, 1])
    const forged = versions.search({ limit: 1, pageToken: 'eyJvZmZzZXQiOi0xfQ==' })
    await expect(forged).rejects.toThrow('page token')
  })
}

/** What the registry promises over every database. `open` gives an empty one. */
export const describeRegistry = (name: string, open: () => Promise<TestRegistry>): void => {
  describe(`tracking on ${name}`, () => describeTracking(open))
  describe(`registered models on ${name}`, () => describeModels(open))
}
