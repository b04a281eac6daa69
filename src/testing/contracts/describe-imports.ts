import { describe, expect, it } from 'vitest'
import type { Actor } from '../../registry/index.ts'
import type { TestRegistry } from '../open-test-registry.ts'

const actor: Actor = { name: 'ada' }
const runId = 'a'.repeat(32)
const modelId = `m-${'b'.repeat(32)}`

const experiment = (experimentId: string, name: string, more: object = {}) => ({
  experimentId,
  name,
  lifecycleStage: 'active' as const,
  creationTime: 1000,
  lastUpdateTime: 2000,
  tags: [{ key: 'team', value: 'risk' }],
  ...more,
})

const run = (more: object = {}) => ({
  runId,
  experimentId: '0',
  name: 'first',
  userId: 'ada',
  status: 'FINISHED' as const,
  startTime: 10,
  endTime: 20,
  lifecycleStage: 'active' as const,
  params: [{ key: 'a/b', value: 'x'.repeat(7000) }],
  tags: [{ key: 'k', value: 'v' }],
  inputs: [{ name: 'train', digest: 'd1', sourceType: 'code', source: '{}', schema: '{}', tags: [] }],
  modelInputs: [],
  modelOutputs: [{ modelId, step: 3 }],
  ...more,
})

const points = (values: readonly number[], of = runId) => ({
  runId: of,
  key: 'loss',
  steps: values.map((_, step) => step),
  timestamps: values.map(() => 5),
  values: values as never,
})

const loggedModel = (more: object = {}) => ({
  modelId,
  experimentId: '0',
  name: 'model',
  status: 'LOGGED_MODEL_READY' as const,
  sourceRunId: runId,
  lifecycleStage: 'active' as const,
  creationTime: 30,
  lastUpdatedTime: 31,
  params: [],
  tags: [],
  metrics: [{ key: 'auc', value: 0.5, timestamp: 1, step: 2, runId }],
  ...more,
})

const registeredModel = (versionLast: number, more: object = {}) => ({
  name: 'fraud',
  description: 'of cards',
  creationTime: 40,
  lastUpdatedTime: 41,
  versionLast,
  tags: [],
  ...more,
})

const version = (number: number, more: object = {}) => ({
  name: 'fraud',
  version: number,
  creationTime: 50,
  lastUpdatedTime: 51,
  description: '',
  userId: '',
  stage: 'None' as const,
  location: `runs:/${runId}/model`,
  runId,
  runLink: '',
  modelId: '',
  status: 'READY' as const,
  statusMessage: '',
  tags: [],
  ...more,
})

const outcomes = (items: readonly { readonly outcome: string }[]): string[] => items.map(({ outcome }) => outcome)

const describeTracking = (open: () => Promise<TestRegistry>): void => {
  it('keeps the ids of experiments where they are free, and counts on behind them', async () => {
    await using test = await open()
    const { imports, experiments } = test.registry
    const own = await experiments.create('own')
    const items = [experiment('7', 'seven'), experiment(own, 'taken'), experiment('123456789012345678', 'long')]
    const first = await imports.experiments(items, actor)
    expect(outcomes(first)).toEqual(['created', 'created', 'created'])
    const [seven = '', taken = '', long = ''] = first.map(({ id }) => id)
    expect(seven).toBe('7')
    expect(new Set([own, seven, taken, long, await experiments.create('next')]).size).toBe(5)
    expect(await experiments.require(taken)).toMatchObject({ name: 'taken', creationTime: 1000, lastUpdateTime: 2000 })
    const again = await imports.experiments(items, actor)
    expect(again).toEqual(first.map(({ id }) => ({ outcome: 'present', id })))
    await experiments.rename(taken, 'renamed')
    expect((await imports.experiments(items.slice(1, 2), actor))[0]?.id).toBe(taken)
  })

  it('joins an experiment with the one of its name, unless that is deleted here', async () => {
    await using test = await open()
    const { imports, experiments } = test.registry
    const id = await experiments.create('fraud')
    expect((await imports.experiments([experiment('90', 'fraud')], actor))[0]).toMatchObject({ outcome: 'present', id })
    expect((await experiments.require(id)).tags).toEqual([])
    const gone = await experiments.create('gone')
    await experiments.delete(gone)
    const [outcome] = await imports.experiments([experiment('91', 'gone')], actor)
    expect(outcome).toMatchObject({ outcome: 'conflict', reason: expect.stringContaining('deleted here') as string })
    expect(outcome?.id).toBeUndefined()
  })

  it('takes a run whole, once, and never over another', async () => {
    await using test = await open()
    const { imports, runs } = test.registry
    expect(await imports.runs([run()], actor)).toEqual([{ outcome: 'created', id: runId }])
    const kept = await runs.require(runId)
    expect(kept).toMatchObject({
      info: {
        name: 'first',
        startTime: 10,
        endTime: 20,
        status: 'FINISHED',
        artifactUri: `mlflow-artifacts:/0/${runId}/artifacts`,
      },
      params: [{ key: 'a/b', value: 'x'.repeat(7000) }],
      tags: [{ key: 'k', value: 'v' }],
      inputs: [{ dataset: { name: 'train', digest: 'd1', schema: '{}' } }],
      modelOutputs: [{ modelId, step: 3 }],
    })
    expect(outcomes(await imports.runs([run()], actor))).toEqual(['present'])
    expect(await imports.runs([run({ name: 'other' })], actor)).toMatchObject([{ outcome: 'conflict', id: runId }])
    expect(await runs.require(runId)).toEqual(kept)
    const { info } = await runs.create({ experimentId: '0', name: 'own', userId: '', startTime: 1, tags: [] })
    const [taken] = await imports.runs([run({ runId: info.runId })], actor)
    expect(taken).toMatchObject({ outcome: 'conflict', reason: expect.stringContaining('no import made it') as string })
    expect(taken?.id).toBeUndefined()
  })

  it('keeps the good records of a batch and nothing of the bad ones', async () => {
    await using test = await open()
    const { imports, runs } = test.registry
    const other = 'c'.repeat(32)
    const bad = [
      run({ runId: '../up' }),
      run({ runId: 'd'.repeat(32), experimentId: '99' }),
      run({ runId: 'e'.repeat(32), params: [{ key: '../../etc', value: '' }] }),
      run({ runId: 'f'.repeat(32), artifactUri: 'file:///etc' }),
      run({ runId: '2'.repeat(32), tags: [{ key: 'k', value: 'a\0b' }] }),
      run({
        runId: '1'.repeat(32),
        inputs: [{ name: 'n', digest: 'd'.repeat(40), sourceType: '', source: '', tags: [] }],
      }),
    ]
    const given = [run(), ...bad, run({ runId: other, lifecycleStage: 'deleted', deletedTime: 70 })]
    expect(outcomes(await imports.runs(given, actor))).toEqual(['created', ...bad.map(() => 'refused'), 'created'])
    expect((await runs.require(other)).info.lifecycleStage).toBe('deleted')
    for (const id of ['d', 'e', 'f', '1', '2']) expect(await runs.get(id.repeat(32))).toBeUndefined()
  })

  it('adds the points that are not there, and only to what an import made', async () => {
    await using test = await open()
    const { imports, runs, history } = test.registry
    await imports.runs([run({ lifecycleStage: 'deleted' })], actor)
    const values = [1, NaN, Infinity, -Infinity, 0.1]
    expect(await imports.metrics([points(values)])).toEqual([{ outcome: 'created', id: runId, added: 5 }])
    expect(await imports.metrics([points([...values, 6])])).toMatchObject([{ outcome: 'created', added: 1 }])
    expect(await imports.metrics([points(values)])).toMatchObject([{ outcome: 'present', added: 0 }])
    const page = await history.page(runId, 'loss', { limit: 100 })
    expect(page.metrics.map(({ value }) => value)).toEqual([...values, 6])
    expect((await runs.require(runId)).metrics).toMatchObject([{ value: 6, step: 5 }])
    const { info } = await runs.create({ experimentId: '0', name: 'own', userId: '', startTime: 1, tags: [] })
    expect(outcomes(await imports.metrics([points([1], info.runId)]))).toEqual(['refused'])
    await expect(imports.metrics([points(Array.from({ length: 10_001 }, () => 1))])).rejects.toMatchObject({
      code: 'invalid_parameter',
    })
  })
}

const describeModels = (open: () => Promise<TestRegistry>): void => {
  it('takes logged models and traces with their times', async () => {
    await using test = await open()
    const { imports, loggedModels, traces } = test.registry
    await imports.runs([run()], actor)
    expect(outcomes(await imports.loggedModels([loggedModel(), loggedModel()], actor))).toEqual(['created', 'present'])
    expect(await loggedModels.require(modelId)).toMatchObject({
      creationTime: 30,
      sourceRunId: runId,
      artifactUri: `mlflow-artifacts:/0/models/${modelId}/artifacts`,
      metrics: [{ key: 'auc', value: 0.5, step: 2, runId }],
    })
    expect(await imports.loggedModels([loggedModel({ name: 'x' })], actor)).toMatchObject([{ outcome: 'conflict' }])
    const trace = {
      traceId: `tr-${'1'.repeat(32)}`,
      experimentId: '0',
      timestamp: 100,
      duration: 5,
      state: 'OK' as const,
      tags: [
        { key: 'mlflow.artifactLocation', value: 'file:///etc' },
        { key: 'mlflow.traceName', value: 'f' },
      ],
      metadata: [{ key: 'mlflow.sourceRun', value: runId }],
    }
    const assessment = {
      assessmentId: `a-${'2'.repeat(32)}`,
      kind: 'feedback' as const,
      name: 'score',
      content: '{"value":0.5}',
      sourceType: 'HUMAN',
      sourceId: 'ada',
      metadata: [{ key: 'k', value: 'v' }],
      valid: false,
      createTime: 1,
      lastUpdateTime: 2,
    }
    const refused = [{ assessmentId: '../x' }, { content: '7' }, { content: '{"value' }, { name: 'x'.repeat(251) }]
    for (const change of refused)
      expect(outcomes(await imports.traces([{ ...trace, assessments: [{ ...assessment, ...change }] }]))).toEqual([
        'refused',
      ])
    const assessed = { ...trace, assessments: [assessment] }
    const stolen = { ...assessed, traceId: `tr-${'3'.repeat(32)}` }
    const torn = {
      ...stolen,
      assessments: [assessment, assessment].map((each) => ({ ...each, assessmentId: `a-${'4'.repeat(32)}` })),
    }
    expect(outcomes(await imports.traces([assessed, assessed, stolen, torn]))).toEqual([
      'created',
      'present',
      'refused',
      'refused',
    ])
    const kept = await traces.require(trace.traceId)
    expect(kept).toMatchObject({ timestampMs: 100, durationMs: 5, state: 'OK', spansHere: false })
    expect(kept.assessments).toEqual([{ ...assessment, traceId: trace.traceId }])
    expect(kept.artifactUri).toBe(`mlflow-artifacts:/0/traces/${trace.traceId}/artifacts`)
    expect(kept.tags).not.toContainEqual({ key: 'mlflow.artifactLocation', value: 'file:///etc' })
  })

  it('keeps version numbers with their gaps, and seals the files', async () => {
    await using test = await open()
    const { imports, versions, artifacts } = test.registry
    await imports.runs([run()], actor)
    const path = `0/${runId}/artifacts/model/MLmodel`
    const digest = await test.upload(path, 'flavors: {}')
    expect(await imports.files([{ owner: 'run', id: runId, path: 'model/MLmodel', digest }])).toMatchObject([
      { outcome: 'present' },
    ])
    await imports.registeredModels([registeredModel(5)], actor)
    const given = [version(3, { stage: 'Production' }), version(1, { source: 'models:/fraud/3' })]
    expect(outcomes(await imports.versions(given, actor))).toEqual(['created', 'created'])
    expect(outcomes(await imports.versions(given, actor))).toEqual(['present', 'present'])
    expect(await versions.require('fraud', '3')).toMatchObject({
      creationTime: 50,
      lastUpdatedTime: 51,
      stage: 'Production',
      source: `mlflow-artifacts:/0/${runId}/artifacts/model`,
    })
    expect(await versions.require('fraud', '1')).toMatchObject({
      source: 'models:/fraud/3',
      storageLocation: `mlflow-artifacts:/0/${runId}/artifacts/model`,
    })
    await expect(test.upload(path, 'other')).rejects.toMatchObject({ code: 'artifact_sealed' })
    await expect(artifacts.delete(path)).rejects.toMatchObject({ code: 'artifact_sealed' })
    expect(await test.registry.integrity.verifyDigests('fraud', '3', actor)).toMatchObject({ intact: true, files: 1 })
    const next = {
      name: 'fraud',
      source: `runs:/${runId}/model`,
      runId,
      runLink: '',
      modelId: '',
      description: '',
      tags: [],
    }
    expect((await versions.create(next, actor)).version).toBe(6)
    expect(await imports.versions([version(6, { description: 'theirs' })], actor)).toMatchObject([
      { outcome: 'conflict' },
    ])
    expect((await test.registry.modelHistory.stageHistory('fraud', '3')).map(({ stage }) => stage)).toEqual([
      'Production',
      'None',
    ])
  })

  it('does not use a number again that was deleted here', async () => {
    await using test = await open()
    const { imports, versions } = test.registry
    await imports.runs([run()], actor)
    await imports.registeredModels([registeredModel(1)], actor)
    await imports.versions([version(1)], actor)
    await versions.delete('fraud', '1', actor)
    expect(await imports.versions([version(1)], actor)).toMatchObject([{ outcome: 'conflict' }])
    const next = {
      name: 'fraud',
      source: `runs:/${runId}/m`,
      runId,
      runLink: '',
      modelId: '',
      description: '',
      tags: [],
    }
    const { version: own } = await versions.create(next, actor)
    await versions.delete('fraud', String(own), actor)
    await imports.registeredModels([registeredModel(own)], actor)
    expect(await imports.versions([version(own)], actor)).toMatchObject([{ outcome: 'conflict' }])
  })

  it('takes versions that came to the source since the last import', async () => {
    await using test = await open()
    const { imports } = test.registry
    await imports.runs([run()], actor)
    await imports.registeredModels([registeredModel(1)], actor)
    await imports.versions([version(1)], actor)
    const later = registeredModel(3, { lastUpdatedTime: 99 })
    expect(outcomes(await imports.registeredModels([later], actor))).toEqual(['present'])
    expect(outcomes(await imports.versions([version(3), version(2)], actor))).toEqual(['created', 'created'])
  })

  it('leaves models alone that no import made, and refuses files that a client could not name', async () => {
    await using test = await open()
    const { imports, models, versions } = test.registry
    await imports.runs([run()], actor)
    await models.create('fraud', { description: 'own' }, actor)
    expect(outcomes(await imports.registeredModels([registeredModel(2)], actor))).toEqual(['conflict'])
    expect(outcomes(await imports.versions([version(1)], actor))).toEqual(['refused'])
    expect(outcomes(await imports.aliases([{ name: 'fraud', alias: 'champion', version: 1 }], actor))).toEqual([
      'refused',
    ])
    expect((await models.require('fraud')).description).toBe('own')
    await imports.registeredModels([registeredModel(9, { name: 'other' })], actor)
    const hostile = ['/etc', 'file:///etc', 'mlflow-artifacts:/../x', 'runs:/../../etc', `runs:/${runId}/../../x`]
    const given = hostile.flatMap((uri, index) => [
      version(index + 1, { name: 'other', location: uri }),
      version(index + 1, { name: 'other', source: uri }),
    ])
    expect(new Set(outcomes(await imports.versions(given, actor)))).toEqual(new Set(['refused']))
    expect((await versions.search({ limit: 10 })).items).toEqual([])
    const file = { owner: 'run', id: runId, digest: '0'.repeat(64) } as const
    const files = await imports.files([
      { ...file, path: 'ok.txt' },
      { ...file, path: '../up.txt' },
      { ...file, path: 'a', id: 'nobody' },
    ])
    expect(files).toMatchObject([
      { outcome: 'missing', path: `0/${runId}/artifacts/ok.txt` },
      { outcome: 'refused' },
      { outcome: 'refused' },
    ])
  })

  it('asks the policy before an alias is put, and never moves one', async () => {
    await using test = await open()
    const { imports, models, promotion, audit } = test.registry
    await imports.runs([run()], actor)
    await imports.registeredModels([registeredModel(2)], actor)
    await imports.versions([version(1), version(2)], actor)
    const alias = (name: string, of: number) => ({ name: 'fraud', alias: name, version: of })
    expect(outcomes(await imports.aliases([alias('champion', 1), alias('v1', 1)], actor))).toEqual([
      'created',
      'refused',
    ])
    expect(outcomes(await imports.aliases([alias('champion', 1), alias('champion', 2)], actor))).toEqual([
      'present',
      'conflict',
    ])
    expect((await models.versionByAlias('fraud', 'champion')).version).toBe(1)
    await promotion.setPolicy('fraud', 'aliases: { guarded: [{ tag: { key: validated, value: "yes" } }] }', actor)
    const guarded = await imports.aliases([alias('guarded', 2), alias('free', 2)], actor)
    expect(outcomes(guarded)).toEqual(['refused', 'created'])
    expect((await audit.search({ kind: 'promotion.refused', limit: 10 })).items).toHaveLength(1)
  })

  it('takes along the endpoints that follow what it changes', async () => {
    await using test = await open()
    const { imports, models, endpoints } = test.registry
    await imports.runs([run()], actor)
    await test.upload(`0/${runId}/artifacts/model/model.onnx`, 'weights')
    await imports.registeredModels([registeredModel(3)], actor)
    const alias = (of: number) => ({ name: 'fraud', alias: 'champion', version: of })
    await imports.versions([version(1, { stage: 'Staging' })], actor)
    await imports.aliases([alias(1)], actor)
    const references = ['fraud/latest', 'fraud@champion', 'fraud/Staging', 'fraud/1']
    for (const [index, reference] of references.entries())
      await endpoints.put(`e${index}`, `models:/${reference}`, { wait: true }, actor)
    const served = async () => (await endpoints.targets()).map(({ files }) => files?.version)
    await imports.versions([version(3), version(2, { stage: 'Staging' })], actor)
    expect(await served()).toEqual([3, 1, 2, 1])
    await models.deleteAlias('fraud', 'champion', actor)
    await imports.aliases([alias(2)], actor)
    expect(await served()).toEqual([3, 2, 2, 1])
  })
}

/** What every database must do with what comes from other stores. */
export const describeImports = (name: string, open: () => Promise<TestRegistry>): void => {
  describe(`imports to the registry on ${name}`, () => {
    describeTracking(open)
    describeModels(open)
  })
}
