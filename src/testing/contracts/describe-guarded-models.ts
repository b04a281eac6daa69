import { describe, expect, it } from 'vitest'
import type { Actor, ModelVersion, TargetInput } from '../../registry/index.ts'
import type { TestRegistry } from '../open-test-registry.ts'

const ada: Actor = { name: 'ada' }
const bob: Actor = { name: 'bob', reason: 'looks right' }
const eve: Actor = { name: 'eve' }

type Open = () => Promise<TestRegistry>

const register = ({ registry }: TestRegistry, name = 'fraud', more: { source?: string; runId?: string } = {}) =>
  registry.versions.create(
    {
      name,
      source: more.source ?? 'mlflow-artifacts:/0/models/m',
      runId: more.runId ?? '',
      runLink: '',
      modelId: '',
      description: '',
      tags: [],
    },
    ada,
  )

/** A model with two versions. */
const fraud = async (test: TestRegistry): Promise<void> => {
  await test.registry.models.create('fraud', {}, ada)
  await register(test)
  await register(test)
}

/** A version that a run made which measured something. */
const measured = async (test: TestRegistry, key: string, value: number): Promise<ModelVersion> => {
  const { runs, log } = test.registry
  const { info } = await runs.create({ experimentId: '0', name: '', userId: 'ada', startTime: 1, tags: [] })
  await log.logBatch(info.runId, { metrics: [{ key, value, step: 0, timestamp: 1 }] })
  return register(test, 'fraud', { runId: info.runId })
}

/** Logs a model's MLmodel below a folder of its own; gives the folder's URI. */
const upload = async (test: TestRegistry, folder: string, inputs: readonly object[]): Promise<string> => {
  const signature = { inputs: JSON.stringify(inputs), outputs: null, params: null }
  await test.upload(`0/models/${folder}/MLmodel`, JSON.stringify({ flavors: {}, signature }))
  return `mlflow-artifacts:/0/models/${folder}`
}

const column = (name: string, type: string) => ({ type, name, required: true })

const describeHistory = (open: Open): void => {
  it('tells where an alias pointed at any time, and who moved it why', async () => {
    await using test = await open()
    const { models, modelHistory } = test.registry
    await fraud(test)
    const start = test.clock.wallMs()
    await test.clock.advance(1000)
    await models.setAlias('fraud', 'champion', '1', ada)
    await test.clock.advance(1000)
    await models.setAlias('fraud', 'champion', '2', bob)
    await models.setAlias('fraud', 'other', '1', ada)
    await test.clock.advance(1000)
    await models.deleteAlias('fraud', 'champion', eve)
    const at = async (ms: number) => (await modelHistory.aliasAt('fraud', 'champion', start + ms))?.version
    expect([await at(0), await at(999), await at(1000), await at(1999), await at(2000), await at(3000)]).toEqual([
      undefined,
      undefined,
      1,
      1,
      2,
      undefined,
    ])
    const history = await modelHistory.aliasHistory('fraud', 'champion')
    expect(history.map((each) => [each.version, each.versionBefore, each.actor, each.reason, each.cause])).toEqual([
      [undefined, 2, 'eve', undefined, undefined],
      [2, 1, 'bob', 'looks right', undefined],
      [1, undefined, 'ada', undefined, undefined],
    ])
  })

  it('follows a model through its names, and beyond its end', async () => {
    await using test = await open()
    const { models, versions, modelHistory } = test.registry
    await fraud(test)
    await models.setAlias('fraud', 'champion', '1', ada)
    const first = test.clock.wallMs()
    await test.clock.advance(1000)
    await models.rename('fraud', 'risk', ada)
    await models.setAlias('risk', 'champion', '2', ada)
    const second = test.clock.wallMs()
    await test.clock.advance(1000)
    await models.create('fraud', {}, ada)
    await register(test)
    await models.setAlias('fraud', 'champion', '1', ada)
    await models.setAlias('fraud', 'old', '1', ada)
    await test.clock.advance(1000)
    await versions.delete('risk', '2', bob)
    await models.delete('fraud', eve)
    const at = async (name: string, ms: number) => (await modelHistory.aliasAt(name, 'champion', ms))?.version
    expect([await at('fraud', first), await at('risk', first), await at('risk', second)]).toEqual([1, 1, 2])
    expect([await at('fraud', second + 1000), await at('fraud', second + 2000)]).toEqual([1, undefined])
    expect((await modelHistory.aliasHistory('risk', 'champion'))[0]).toMatchObject({
      version: undefined,
      versionBefore: 2,
      cause: 'model_version.deleted',
      actor: 'bob',
      reason: 'looks right',
    })
    expect((await modelHistory.aliasHistory('fraud', 'old'))[0]).toMatchObject({
      cause: 'registered_model.deleted',
      actor: 'eve',
    })
    await expect(modelHistory.aliasHistory('nobody', 'champion')).rejects.toMatchObject({ code: 'resource_missing' })
    expect(await at('nobody', first)).toBeUndefined()
  })

  it('tells the stages of versions, those archived by another move among them', async () => {
    await using test = await open()
    const { models, versions, modelHistory } = test.registry
    await fraud(test)
    const move = (version: string, archiveExisting: boolean, actor: Actor) =>
      versions.transition('fraud', version, { stage: 'Production', archiveExisting }, actor)
    await move('1', false, ada)
    const first = test.clock.wallMs()
    await test.clock.advance(1000)
    await move('2', true, bob)
    const second = test.clock.wallMs()
    await test.clock.advance(1000)
    await models.delete('fraud', eve)
    const history = await modelHistory.stageHistory('fraud', '1')
    expect(history.map((each) => [each.stage, each.stageBefore, each.actor, each.archivedBy])).toEqual([
      [undefined, 'Archived', 'eve', undefined],
      ['Archived', 'Production', 'bob', 2],
      ['Production', 'None', 'ada', undefined],
      ['None', undefined, 'ada', undefined],
    ])
    const at = async (version: string, ms: number) => (await modelHistory.stageAt('fraud', version, ms))?.stage
    expect([await at('1', first), await at('1', second), await at('2', second)]).toEqual([
      'Production',
      'Archived',
      'Production',
    ])
    expect([await at('1', second + 1000), await at('1', first - 1), await at('9', second)]).toEqual([
      undefined,
      undefined,
      undefined,
    ])
  })

  it('keeps everything that happens for the audit, page by page and by what is asked', async () => {
    await using test = await open()
    const { experiments, runs, loggedModels, artifacts, models, audit } = test.registry
    const id = await experiments.create('exp', {}, ada)
    await experiments.rename(id, 'exp2', bob)
    const { info } = await runs.create({ experimentId: id, name: 'r', userId: '', startTime: 1, tags: [] }, ada)
    await runs.update(info.runId, { name: 'r2' }, ada)
    await runs.update(info.runId, { status: 'FINISHED' }, ada)
    await runs.setTag(info.runId, { key: 'mlflow.runName', value: 'r3' }, ada)
    await test.registry.log.logBatch(info.runId, { tags: [{ key: 'mlflow.runName', value: 'r4' }] }, bob)
    await runs.delete(info.runId, bob)
    await runs.delete(info.runId, bob)
    await runs.restore(info.runId, ada)
    const model = { experimentId: id, name: 'net', modelType: '', sourceRunId: info.runId, params: [], tags: [] }
    const { modelId } = await loggedModels.create(model, ada)
    await loggedModels.finish(modelId, 'LOGGED_MODEL_READY', ada)
    await loggedModels.delete(modelId, ada)
    await test.upload('0/r/a', 'x')
    await artifacts.delete('0/r', ada)
    await artifacts.delete('0/r', ada)
    await test.clock.advance(1000)
    const later = test.clock.wallMs()
    await experiments.delete(id, ada)
    await experiments.restore(id, ada)
    await models.create('fraud', {}, ada)
    await models.rename('fraud', 'risk', ada)
    const kinds = async (query: object): Promise<string[]> => {
      const found: string[] = []
      let pageToken: string | undefined
      do {
        const page = await audit.search({ ...query, limit: 2, pageToken })
        found.push(...page.items.map(({ kind }) => kind))
        pageToken = page.nextPageToken
      } while (pageToken !== undefined)
      return found.reverse()
    }
    expect(await kinds({})).toEqual([
      'experiment.created',
      'experiment.renamed',
      'run.created',
      'run.renamed',
      'run.renamed',
      'run.renamed',
      'run.deleted',
      'run.restored',
      'logged_model.created',
      'logged_model.finalized',
      'logged_model.deleted',
      'artifact.deleted',
      'experiment.deleted',
      'experiment.restored',
      'registered_model.created',
      'registered_model.renamed',
    ])
    expect(await kinds({ actor: 'bob' })).toEqual(['experiment.renamed', 'run.renamed', 'run.deleted'])
    expect(await kinds({ kind: 'run.deleted', actor: 'ada' })).toEqual([])
    expect(await kinds({ from: later, subject: { type: 'experiment', id } })).toEqual([
      'experiment.deleted',
      'experiment.restored',
    ])
    expect(await kinds({ to: later - 1, subject: { type: 'artifact', path: '0/r' } })).toEqual(['artifact.deleted'])
    expect(await kinds({ subject: { type: 'model', name: 'fraud' } })).toHaveLength(2)
    expect(await kinds({ subject: { type: 'model', name: 'nobody' } })).toEqual([])
    const [newest] = (await audit.search({ limit: 1 })).items
    expect(newest).toMatchObject({ actor: 'ada', subject: { type: 'model', name: 'fraud' } })
    const { nextPageToken } = await audit.search({ limit: 1 })
    await expect(audit.search({ limit: 1, actor: 'ada', pageToken: nextPageToken })).rejects.toThrow('page token')
    await expect(audit.search({ limit: 5000 })).rejects.toMatchObject({ code: 'invalid_parameter' })
  })
}

const describePromotion = (open: Open): void => {
  const refused = { code: 'promotion_refused', status: 'conflict' }

  it('lets an alias move only when every condition holds, and tells all that fail at once', async () => {
    await using test = await open()
    const { models, promotion, versions, audit } = test.registry
    await models.create('fraud', {}, ada)
    await measured(test, 'auc', 0.8)
    const policy = {
      aliases: {
        'champ*': [
          { metric: { key: 'auc', min: 0.9 } },
          { tag: { key: 'validated', value: 'true' } },
          { driftBaseline: true },
          { approval: { count: 1 } },
        ],
      },
    }
    await promotion.setPolicy('fraud', policy, ada)
    const move = (version: string) => models.setAlias('fraud', 'champion', version, eve)
    await expect(move('1')).rejects.toMatchObject(refused)
    await expect(move('1')).rejects.toThrow(
      "moving @champion of 'fraud' to version 1 is refused: auc is 0.8, at least 0.9 is needed; it has no tag 'validated'; it has no drift baseline: neither a file drift-baseline.json nor a tag slipway.driftBaseline; it has 0 of 1 approvals, its author not counted",
    )
    expect((await models.require('fraud')).aliases).toEqual([])
    const { items } = await audit.search({ kind: 'promotion.refused', limit: 10 })
    expect(items).toHaveLength(2)
    expect(items[0]).toMatchObject({
      actor: 'eve',
      details: { version: 1, target: { kind: 'alias', alias: 'champion' } },
    })
    await models.setAlias('fraud', 'candidate', '1', eve)
    await measured(test, 'auc', 0.95)
    await versions.setTag('fraud', '2', { key: 'validated', value: 'true' }, ada)
    await versions.setTag('fraud', '2', { key: 'slipway.driftBaseline', value: 's3://b/x' }, ada)
    await promotion.approve('fraud', '2', ada)
    await expect(move('2')).rejects.toThrow('its author not counted')
    await promotion.approve('fraud', '2', bob)
    expect(await promotion.decisions('fraud', '2')).toMatchObject([
      { person: 'ada', decision: 'approved', reason: '' },
      { person: 'bob', decision: 'approved', reason: 'looks right' },
    ])
    await promotion.reject('fraud', '2', eve)
    await expect(move('2')).rejects.toThrow('eve rejected it')
    await promotion.withdraw('fraud', '2', eve)
    expect(await promotion.check('fraud', '2', { alias: 'champion' })).toMatchObject({ allowed: true })
    await move('2')
    expect((await models.versionByAlias('fraud', 'champion')).version).toBe(2)
    const decisions = await audit.search({ subject: { type: 'model', name: 'fraud' }, actor: 'eve', limit: 100 })
    expect(decisions.items.map(({ kind }) => kind)).toContain('model_version.decision_withdrawn')
  })

  it('guards stages as it guards aliases, and says beforehand what would happen', async () => {
    await using test = await open()
    const { promotion, versions } = test.registry
    await fraud(test)
    await promotion.setPolicy('fraud', 'stages:\n  Production:\n    - tag: {key: ok}\n', ada)
    const move = (version: string) =>
      versions.transition('fraud', version, { stage: 'production', archiveExisting: true }, ada)
    const check = async (target: TargetInput) => {
      const { allowed, results } = await promotion.check('fraud', '1', target)
      return [allowed, ...results.map(({ passed, reason }) => [passed, reason])]
    }
    expect(await check({ stage: 'Production' })).toEqual([false, [false, "it has no tag 'ok'"]])
    expect(await check({ stage: 'Staging' })).toEqual([true])
    await expect(move('1')).rejects.toMatchObject(refused)
    expect((await versions.require('fraud', '1')).stage).toBe('None')
    await versions.setTag('fraud', '1', { key: 'ok', value: '' }, ada)
    expect((await move('1')).stage).toBe('Production')
    await versions.deleteTag('fraud', '1', 'ok', ada)
    expect((await move('1')).stage).toBe('Production')
    await expect(move('2')).rejects.toMatchObject(refused)
    await expect(promotion.check('fraud', '1', { stage: 'nowhere' })).rejects.toMatchObject({
      code: 'invalid_parameter',
    })
  })

  it('compares with the version that an alias points at when the move is made', async () => {
    await using test = await open()
    const { models, promotion } = test.registry
    await models.create('fraud', {}, ada)
    await measured(test, 'auc', 0.9)
    await measured(test, 'auc', 0.85)
    await measured(test, 'auc', 0.91)
    const notWorse = { metric: { key: 'auc', notWorseThan: '@champion', direction: 'higher', tolerance: 0.01 } }
    await promotion.setPolicy('fraud', { aliases: { champion: [notWorse] } }, ada)
    const move = (version: string) => models.setAlias('fraud', 'champion', version, ada)
    await move('1')
    await expect(move('2')).rejects.toThrow('auc is 0.85, that of @champion (version 1) 0.9; at least that')
    await move('3')
    await move('1')
    await move('1')
    expect(await test.registry.modelHistory.aliasHistory('fraud', 'champion')).toHaveLength(4)
  })

  it('holds a version to what callers of the champion send', async () => {
    await using test = await open()
    const { models, promotion } = test.registry
    await models.create('fraud', {}, ada)
    const sources = [
      await upload(test, 'a', [column('amount', 'integer')]),
      await upload(test, 'b', [column('amount', 'string')]),
      await upload(test, 'c', [column('amount', 'double')]),
      await upload(test, 'd', [column('amount', 'double'), column('country', 'string')]),
      's3://elsewhere/model',
    ]
    for (const source of sources) await register(test, 'fraud', { source })
    const policy = { aliases: { champion: [{ signature: { compatibleWith: '@champion' } }] } }
    await promotion.setPolicy('fraud', policy, ada)
    const move = (version: string) => models.setAlias('fraud', 'champion', version, ada)
    await move('1')
    await expect(move('2')).rejects.toThrow("input 'amount': integer doesn't fit string")
    await expect(move('4')).rejects.toThrow("input 'country' is required, and is new")
    await expect(move('5')).rejects.toThrow('its files are not kept here')
    await move('3')
    await expect(move('1')).rejects.toThrow("input 'amount': double doesn't fit integer")
  })

  it('cannot be got round by taking off, renaming or deleting what it guards', async () => {
    await using test = await open()
    const { models, promotion, versions } = test.registry
    await fraud(test)
    await models.setAlias('fraud', 'champion', '1', ada)
    await models.setAlias('fraud', 'free', '2', ada)
    await versions.transition('fraud', '2', { stage: 'Staging', archiveExisting: false }, ada)
    const conditions: readonly object[] = [{ approval: { count: 1 } }]
    await promotion.setPolicy('fraud', { aliases: { champion: conditions }, stages: { Staging: conditions } }, ada)
    await expect(models.deleteAlias('fraud', 'champion', eve)).rejects.toMatchObject(refused)
    await expect(models.rename('fraud', 'risk', eve)).rejects.toMatchObject(refused)
    await expect(models.delete('fraud', eve)).rejects.toMatchObject(refused)
    await expect(versions.delete('fraud', '1', eve)).rejects.toThrow(
      "deleting version 1 of 'fraud' is refused: version 1 is @champion, which the promotion policy guards",
    )
    await expect(versions.delete('fraud', '2', eve)).rejects.toThrow('version 2 is stage Staging')
    expect((await models.require('fraud')).aliases).toEqual([
      { alias: 'champion', version: 1 },
      { alias: 'free', version: 2 },
    ])
    await models.deleteAlias('fraud', 'free', ada)
    await models.deleteAlias('fraud', 'nobody', ada)
    await models.rename('fraud', 'fraud', ada)
    await promotion.deletePolicy('fraud', bob)
    await promotion.deletePolicy('fraud', bob)
    await models.rename('fraud', 'risk', ada)
    await models.delete('risk', ada)
    const { items } = await test.registry.audit.search({ kind: 'promotion_policy.deleted', limit: 10 })
    expect(items).toMatchObject([{ actor: 'bob', reason: 'looks right', details: { documentBefore: { stages: {} } } }])
  })

  it('keeps what the policy was, and refuses one that is wrong as a whole', async () => {
    await using test = await open()
    const { promotion, audit } = test.registry
    await fraud(test)
    expect(await promotion.getPolicy('fraud')).toBeUndefined()
    const wrong = { aliases: { 'a b': [{ metric: { key: '', min: 'x' } }] }, stages: { Prod: [] }, more: 1 }
    await expect(promotion.setPolicy('fraud', wrong, ada)).rejects.toThrow(
      /^The promotion policy has \d problems: .*more.*aliases.a b.*metric.key.*metric.min.*stages.Prod/,
    )
    const first = await promotion.setPolicy('fraud', { aliases: { '*': [{ signed: true }] } }, ada)
    expect(await promotion.getPolicy('fraud')).toEqual(first)
    await promotion.setPolicy('fraud', '{"aliases": {"champion": [{"driftBaseline": true}]}}', bob)
    expect(await promotion.getPolicy('fraud')).toMatchObject({ updatedBy: 'bob' })
    const { items } = await audit.search({ kind: 'promotion_policy.set', limit: 10 })
    expect(items.map(({ details }) => [details['documentBefore'], details['document']])).toEqual([
      [{ aliases: { '*': [{ signed: true }] } }, { aliases: { champion: [{ driftBaseline: true }] } }],
      [null, { aliases: { '*': [{ signed: true }] } }],
    ])
    await expect(promotion.setPolicy('nobody', first.document, ada)).rejects.toMatchObject({ code: 'resource_missing' })
  })

  it('lets no move through that raced with what forbids it', async () => {
    await using test = await open()
    const { models, promotion } = test.registry
    await models.create('fraud', {}, ada)
    for (const auc of [0.5, 0.6, 0.7, 0.8]) await measured(test, 'auc', auc)
    const better: readonly object[] = [{ metric: { key: 'auc', notWorseThan: '@champion', direction: 'higher' } }]
    await promotion.setPolicy('fraud', { aliases: { champion: better } }, ada)
    await models.setAlias('fraud', 'champion', '1', ada)
    const moves = ['4', '2', '3', '2', '4', '3', '1'].map((version) =>
      models.setAlias('fraud', 'champion', version, eve),
    )
    await Promise.allSettled(moves)
    const history = (await test.registry.modelHistory.aliasHistory('fraud', 'champion')).toReversed()
    expect(history.at(-1)?.version).toBe(4)
    for (const { version = 0, versionBefore = 0 } of history) expect(version).toBeGreaterThanOrEqual(versionBefore)

    await promotion.setPolicy('fraud', { aliases: { live: [{ approval: { count: 1 } }] } }, ada)
    await promotion.approve('fraud', '2', bob)
    const raced = await Promise.allSettled([
      promotion.withdraw('fraud', '2', bob),
      models.setAlias('fraud', 'live', '2', eve),
      promotion.reject('fraud', '3', bob),
      models.setAlias('fraud', 'live', '3', eve),
    ])
    expect(raced[3].status).toBe('rejected')
    const { items } = await test.registry.audit.search({ subject: { type: 'model', name: 'fraud' }, limit: 1000 })
    const order = items.toReversed()
    const moved = order.findIndex(({ details }) => details['alias'] === 'live')
    const withdrawn = order.findIndex(({ kind }) => kind === 'model_version.decision_withdrawn')
    if (moved >= 0) expect(moved).toBeLessThan(withdrawn)
  })
}

const describeUses = (open: Open): void => {
  const inUse = { code: 'version_in_use', status: 'conflict' }

  it('keeps versions that somebody uses, and names them', async () => {
    await using test = await open()
    const { models, versions, inUse: uses } = test.registry
    await fraud(test)
    await uses.add('endpoint:fraud', 'fraud', '1')
    await uses.add('endpoint:fraud', 'fraud', '1')
    await uses.add('batch', 'fraud', '1')
    await expect(versions.delete('fraud', '1', ada)).rejects.toMatchObject(inUse)
    await expect(models.delete('fraud', ada)).rejects.toThrow(
      "version 1 of 'fraud' is in use and can't be deleted: batch, endpoint:fraud",
    )
    await models.rename('fraud', 'risk', ada)
    expect(await uses.list('risk', '1')).toMatchObject([{ owner: 'batch' }, { owner: 'endpoint:fraud', version: 1 }])
    await uses.remove('batch', 'risk', '1')
    await uses.remove('batch', 'risk', '9')
    await expect(versions.delete('risk', '1', ada)).rejects.toMatchObject(inUse)
    await test.clock.advance(1000)
    await uses.replace('endpoint:fraud', [{ model: 'risk', version: '2' }])
    await versions.delete('risk', '1', ada)
    expect(await uses.ofOwner('endpoint:fraud')).toMatchObject([{ model: 'risk', version: 2 }])
    await expect(uses.replace('endpoint:fraud', [{ model: 'risk', version: '1' }])).rejects.toMatchObject({
      code: 'resource_missing',
    })
    expect(await uses.list('risk')).toHaveLength(1)
    await uses.replace('endpoint:fraud', [])
    await models.delete('risk', ada)
    await expect(uses.add('', 'risk', '1')).rejects.toMatchObject({ code: 'invalid_parameter' })
  })

  it('deletes a version or takes it into use, never both', async () => {
    await using test = await open()
    const { models, versions, inUse: uses } = test.registry
    await models.create('fraud', {}, ada)
    for (let count = 0; count < 5; count++) await register(test)
    for (const version of ['1', '2', '3', '4', '5']) {
      const [used, deleted] = await Promise.allSettled([
        uses.add('endpoint', 'fraud', version),
        versions.delete('fraud', version, ada),
      ])
      expect([used.status, deleted.status].sort()).toEqual(['fulfilled', 'rejected'])
    }
  })
}

const describeLineage = (open: Open): void => {
  it('leads from data to those who use a version, and back', async () => {
    await using test = await open()
    const { runs, log, loggedModels, models, versions, inUse, lineage } = test.registry
    const newRun = (name: string, tags: readonly { key: string; value: string }[] = []) =>
      runs.create({ experimentId: '0', name, userId: 'ada', startTime: 1, tags })
    const parent = await newRun('sweep')
    const child = await newRun('trial', [
      { key: 'mlflow.parentRunId', value: parent.info.runId },
      { key: 'mlflow.source.git.commit', value: 'abc123' },
    ])
    const dataset = {
      name: 'cards/2024',
      digest: 'd1',
      sourceType: 's3',
      source: 's3://x',
      schema: undefined,
      profile: undefined,
    }
    await log.logInputs(child.info.runId, [{ dataset, tags: [{ key: 'mlflow.data.context', value: 'train' }] }], [])
    const { modelId } = await loggedModels.create({
      experimentId: '0',
      name: 'net',
      modelType: '',
      sourceRunId: child.info.runId,
      params: [],
      tags: [],
    })
    await log.logOutputs(child.info.runId, [{ modelId, step: 0 }])
    const judge = await newRun('evaluate')
    await log.logInputs(judge.info.runId, [], [{ modelId }])
    await models.create('fraud', {}, ada)
    await models.create('live', {}, ada)
    const version = { runId: '', runLink: '', modelId: '', description: '', tags: [] }
    await versions.create({ ...version, name: 'fraud', source: `models:/${modelId}`, modelId }, ada)
    await models.setAlias('fraud', 'best', '1', ada)
    await versions.create({ ...version, name: 'live', source: 'models:/fraud@best' }, ada)
    await models.rename('fraud', 'risk', ada)
    await models.deleteAlias('risk', 'best', ada)
    await models.setAlias('live', 'champion', '1', ada)
    await inUse.add('endpoint:cards', 'live', '1')
    const data = `${encodeURIComponent('cards/2024')}@d1`
    const chain = [
      `dataset:${data} read run:${child.info.runId}`,
      `logged_model:${modelId} registered version:risk/1`,
      `run:${child.info.runId} made logged_model:${modelId}`,
      `version:live/1 used endpoint:cards`,
      `version:risk/1 copied version:live/1`,
    ]
    const edges = async (query: Parameters<typeof lineage.graph>[0]) => {
      const graph = await lineage.graph(query)
      expect(graph.truncated).toBe(false)
      return graph.edges.map(({ from, kind, to }) => `${from} ${kind} ${to}`).sort()
    }
    const started = `run:${parent.info.runId} started run:${child.info.runId}`
    expect(await edges({ kind: 'endpoint', id: 'endpoint:cards', direction: 'upstream', depthMax: 20 })).toEqual(
      [...chain, started].sort(),
    )
    expect(await edges({ kind: 'endpoint', id: 'cards', direction: 'upstream', depthMax: 20 })).toEqual(
      [...chain, started].sort(),
    )
    const below = [
      ...chain,
      `logged_model:${modelId} read run:${judge.info.runId}`,
      'version:live/1 named alias:live@champion',
    ].sort()
    expect(await edges({ kind: 'dataset', id: data, direction: 'downstream', depthMax: 20 })).toEqual(below)
    expect(await edges({ kind: 'version', id: 'risk/1', direction: 'both', depthMax: 20 })).toEqual(
      [...chain, started, 'version:live/1 named alias:live@champion'].sort(),
    )
    const near = await lineage.graph({ kind: 'version', id: 'live/1', direction: 'upstream', depthMax: 1 })
    expect(near).toMatchObject({
      truncated: true,
      nodes: [
        { id: 'live/1', depth: 0 },
        { id: 'risk/1', depth: 1 },
      ],
    })
    const whole = await lineage.graph({ kind: 'alias', id: 'live@champion', direction: 'upstream', depthMax: 20 })
    expect(whole.nodes.find(({ id }) => id === child.info.runId)).toMatchObject({
      kind: 'run',
      missing: false,
      facts: { name: 'trial', gitCommit: 'abc123', userId: 'ada' },
    })
    expect(whole.edges.find(({ kind, from }) => kind === 'read' && from.startsWith('dataset'))?.context).toBe('train')
    await expect(lineage.graph({ kind: 'run', id: 'nobody', direction: 'both', depthMax: 3 })).rejects.toMatchObject({
      code: 'resource_missing',
    })
    await expect(lineage.graph({ kind: 'dataset', id: 'a/b@c', direction: 'both', depthMax: 3 })).rejects.toMatchObject(
      { code: 'invalid_parameter' },
    )
    await expect(lineage.graph({ kind: 'run', id: 'nobody', direction: 'both', depthMax: 99 })).rejects.toMatchObject({
      code: 'invalid_parameter',
    })
  })

  it('names what was referred to and is not there, and stops where there is too much', async () => {
    await using test = await open()
    const { models, lineage } = test.registry
    await models.create('fraud', {}, ada)
    await register(test, 'fraud', { runId: 'elsewhere' })
    const graph = await lineage.graph({ kind: 'version', id: 'fraud/1', direction: 'both', depthMax: 5 })
    expect(graph.nodes).toMatchObject([{ id: 'fraud/1' }, { kind: 'run', id: 'elsewhere', missing: true }])
    const [model] = await test.db.query<{ model_key: number }>('SELECT model_key FROM registered_models')
    await test.db.executeMany(
      'INSERT INTO model_aliases (model_key, alias, version) VALUES (?, ?, ?)',
      Array.from({ length: 1005 }, (_, index) => [model?.model_key ?? 0, `a${index}`, 1]),
    )
    const wide = await lineage.graph({ kind: 'version', id: 'fraud/1', direction: 'downstream', depthMax: 5 })
    expect(wide.nodes).toHaveLength(1000)
    expect(wide.truncated).toBe(true)
  })
}

/** What the registry promises of the history of models, their promotion, lineage and use, over every database. */
export const describeGuardedModels = (name: string, open: Open): void => {
  describe(`history on ${name}`, () => describeHistory(open))
  describe(`promotion on ${name}`, () => describePromotion(open))
  describe(`uses on ${name}`, () => describeUses(open))
  describe(`lineage on ${name}`, () => describeLineage(open))
}
