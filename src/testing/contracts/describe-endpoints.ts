import { describe, expect, it } from 'vitest'
import { fail } from '../../protocol/index.ts'
import type { Actor, MoveGuard, PlannedMove } from '../../registry/index.ts'
import type { TestRegistry, TestRegistryOptions } from '../open-test-registry.ts'

const ada: Actor = { name: 'ada' }
const bob: Actor = { name: 'bob', reason: 'looks right' }

/** Those who serve, as the registry sees them: what they were asked, in order, and what they refuse. */
class RecordingGuard implements MoveGuard {
  readonly asked: string[] = []
  refusal: string | undefined
  atPrepare: (() => Promise<void>) | undefined

  async prepare(moves: readonly PlannedMove[]) {
    this.asked.push(...moves.map(({ endpoint, files }) => `prepare ${endpoint} ${files.version}`))
    if (this.refusal !== undefined) throw fail('candidate_failed', { model: 'm', version: 1, reason: this.refusal })
    await this.atPrepare?.()
    return {
      checked: moves.map(({ endpoint }) => ({ endpoint, checks: ['load' as const] })),
      settle: (isCommitted: boolean) => {
        this.asked.push(isCommitted ? 'kept' : 'given up')
        return Promise.resolve()
      },
    }
  }

  changed(): Promise<void> {
    this.asked.push('changed')
    return Promise.resolve()
  }
}

type Open = (options: TestRegistryOptions) => Promise<TestRegistry>

/** A registry with three versions of a model, each with a file of its own. */
const opened = async (open: Open) => {
  const guard = new RecordingGuard()
  const test = await open({ guard })
  const { models, versions, endpoints } = test.registry
  await models.create('fraud', {}, ada)
  const register = async (number: number): Promise<void> => {
    await test.upload(`0/models/${number}/model.onnx`, `weights ${number}`)
    const source = `mlflow-artifacts:/0/models/${number}`
    await versions.create(
      { name: 'fraud', source, runId: '', runLink: '', modelId: '', description: '', tags: [] },
      ada,
    )
  }
  for (const number of [1, 2, 3]) await register(number)
  const move = (version: number, actor = ada): Promise<void> =>
    models.setAlias('fraud', 'champion', String(version), actor)
  const put = (reference: string, name = 'fraud') => endpoints.put(name, reference, { wait: true }, ada)
  const served = async (name = 'fraud'): Promise<number | undefined> =>
    (await endpoints.targets()).find(({ endpoint }) => endpoint.name === name)?.files?.version
  return { ...test, guard, register, move, put, served, [Symbol.asyncDispose]: () => test[Symbol.asyncDispose]() }
}

/** What every database must do for endpoints. */
export const describeEndpoints = (database: string, open: Open): void => {
  describe(`endpoints on ${database}`, () => {
    it('stand for what they follow, and are prepared before a move is made', async () => {
      await using test = await opened(open)
      const { registry, guard, move, put, served } = test
      await move(1)
      expect(await put('models:/fraud@champion')).toMatchObject({
        name: 'fraud',
        reference: 'models:/fraud@champion',
        model: 'fraud',
        version: 1,
        createdBy: 'ada',
      })
      await move(2)
      expect(await served()).toBe(2)
      expect(guard.asked).toEqual(['prepare fraud 1', 'kept', 'prepare fraud 2', 'kept'])
      // What is there already is nothing to prepare, and another alias is none of its business.
      await move(2)
      await registry.models.setAlias('fraud', 'other', '3', ada)
      await put('models:/fraud@champion')
      expect(guard.asked).toHaveLength(4)
      expect(await registry.endpoints.files('0/models/2', { limit: 10 })).toMatchObject([{ path: 'model.onnx' }])
    })

    it('stay where they are when those who serve refuse, which is told in the audit', async () => {
      await using test = await opened(open)
      const { registry, guard, move, put, served } = test
      await move(1)
      await put('models:/fraud@champion')
      guard.refusal = 'it answers NaN'
      await expect(move(2, bob)).rejects.toMatchObject({ code: 'promotion_refused', message: /it answers NaN/ })
      expect(await served()).toBe(1)
      expect((await registry.models.versionByAlias('fraud', 'champion')).version).toBe(1)
      const { items } = await registry.audit.search({ kind: 'promotion.refused', limit: 10 })
      expect(items).toMatchObject([{ actor: 'bob', reason: 'looks right', details: { version: 2 } }])
      await expect(put('models:/fraud/3', 'new')).rejects.toMatchObject({ code: 'candidate_failed' })
      await expect(registry.endpoints.require('new')).rejects.toMatchObject({ code: 'resource_missing' })
    })

    it('give up what was prepared when the registry itself refuses', async () => {
      await using test = await opened(open)
      const { registry, guard, move, put, served } = test
      await move(1)
      await put('models:/fraud@champion')
      const policy = { aliases: { champion: [{ approval: { count: 1 } }] } }
      await registry.promotion.setPolicy('fraud', policy, ada)
      guard.asked.length = 0
      await expect(move(2)).rejects.toMatchObject({ code: 'promotion_refused' })
      expect(guard.asked).toEqual([])
      // An approval that is taken back while the candidate loads.
      await registry.promotion.approve('fraud', '2', bob)
      guard.atPrepare = () => registry.promotion.withdraw('fraud', '2', bob)
      await expect(move(2)).rejects.toMatchObject({ code: 'promotion_refused' })
      expect(guard.asked).toEqual(['prepare fraud 2', 'given up'])
      expect(await served()).toBe(1)
    })

    it('follow stages, the newest version, and one that stays', async () => {
      await using test = await opened(open)
      const { registry, guard, register, put, served } = test
      const stage = (version: string, archiveExisting = false) =>
        registry.versions.transition('fraud', version, { stage: 'Production', archiveExisting }, ada)
      await stage('2')
      await put('models:/fraud/PRODUCTION', 'staged')
      await put('models:/fraud/latest', 'newest')
      await put('models:/fraud/1', 'pinned')
      expect([await served('staged'), await served('newest'), await served('pinned')]).toEqual([2, 3, 1])
      guard.asked.length = 0
      // The highest version of a stage is the one that counts, as for MLflow's clients.
      await stage('1')
      expect([guard.asked, await served('staged')]).toEqual([[], 2])
      await stage('3')
      expect([guard.asked, await served('staged')]).toEqual([['prepare staged 3', 'kept'], 3])
      await stage('1', true)
      expect(await served('staged')).toBe(1)
      await register(4)
      expect([await served('newest'), await served('pinned')]).toEqual([4, 1])
    })

    it('are prepared for what is left when a version leaves the stage that they follow', async () => {
      await using test = await opened(open)
      const { registry, guard, put, served } = test
      const stage = (version: string, target: string, archiveExisting = false) =>
        registry.versions.transition('fraud', version, { stage: target, archiveExisting }, ada)
      for (const version of ['1', '2', '3']) await stage(version, 'Production')
      await put('models:/fraud/Production')
      guard.asked.length = 0
      guard.refusal = 'it answers NaN'
      for (const target of ['Archived', 'None', 'Staging'])
        await expect(stage('3', target)).rejects.toMatchObject({
          code: 'promotion_refused',
          message: /version 3 .*it answers NaN/,
        })
      expect([guard.asked, await served()]).toEqual([Array(3).fill('prepare fraud 2'), 3])
      guard.refusal = undefined
      guard.asked.length = 0
      // One that doesn't serve leaves nothing to prepare.
      await stage('1', 'None')
      await stage('3', 'Archived')
      expect([guard.asked, await served()]).toEqual([['prepare fraud 2', 'kept'], 2])
      // The last one of a stage goes on serving.
      await stage('2', 'None')
      expect([guard.asked.length, await served()]).toEqual([2, 2])
      await put('models:/fraud/Archived', 'old')
      for (const version of ['1', '2']) await stage(version, 'Staging')
      guard.asked.length = 0
      await stage('3', 'Staging', true)
      expect([guard.asked, await served('old')]).toEqual([['prepare old 2', 'kept'], 2])
    })

    it('go back by the history of their alias, never forth', async () => {
      await using test = await opened(open)
      const { registry, move, put, served } = test
      const { endpoints } = registry
      for (const version of [1, 2, 3]) await move(version)
      await put('models:/fraud@champion')
      expect(await endpoints.rollback('fraud', undefined, bob)).toMatchObject({ version: 2 })
      expect(await endpoints.rollback('fraud', undefined, bob)).toMatchObject({ version: 1 })
      await expect(endpoints.rollback('fraud', undefined, bob)).rejects.toMatchObject({ code: 'conflict' })
      expect(await endpoints.rollback('fraud', '3', bob)).toMatchObject({ version: 3 })
      expect(await served()).toBe(3)
      const history = await endpoints.historyOf('fraud')
      expect(history.map(({ version, cause, actor }) => [version, cause, actor])).toEqual([
        [3, 'rollback', 'bob'],
        [1, 'rollback', 'bob'],
        [2, 'rollback', 'bob'],
        [3, undefined, 'ada'],
        [2, undefined, 'ada'],
        [1, undefined, 'ada'],
      ])
      await put('models:/fraud/1', 'pinned')
      await expect(endpoints.rollback('pinned', undefined, bob)).rejects.toMatchObject({ code: 'conflict' })
    })

    it('tell in their history what a version had passed, and which moves were refused why', async () => {
      await using test = await opened(open)
      const { registry, guard, move, put } = test
      const { endpoints } = registry
      await move(1)
      await put('models:/fraud@champion')
      await move(2)
      guard.refusal = 'it answers NaN'
      await expect(move(3, bob)).rejects.toMatchObject({ code: 'promotion_refused' })
      const history = await endpoints.historyOf('fraud')
      expect(history.map(({ version, checked }) => [version, checked])).toEqual([
        [2, [{ endpoint: 'fraud', checks: ['load'] }]],
        [1, undefined],
      ])
      const refusals = await endpoints.refusalsOf('fraud')
      expect(refusals).toMatchObject([
        { version: 3, actor: 'bob', reason: 'looks right', refused: [expect.stringContaining('it answers NaN')] },
      ])
      expect(refusals).toHaveLength(1)
      guard.refusal = undefined
      await put('models:/fraud/1', 'pinned')
      await expect(endpoints.refusalsOf('pinned')).rejects.toMatchObject({ code: 'conflict' })
    })

    it('keep their version, follow its model through a new name, and let go of it when they end', async () => {
      await using test = await opened(open)
      const { registry, guard, move, put, served } = test
      await move(1)
      await put('models:/fraud@champion')
      await expect(registry.versions.delete('fraud', '1', ada)).rejects.toMatchObject({ code: 'version_in_use' })
      await expect(registry.models.delete('fraud', ada)).rejects.toMatchObject({ code: 'version_in_use' })
      await registry.models.rename('fraud', 'risk', ada)
      expect(await registry.endpoints.require('fraud')).toMatchObject({
        reference: 'models:/risk@champion',
        model: 'risk',
      })
      // An alias that is gone leaves what served last.
      await registry.models.deleteAlias('risk', 'champion', ada)
      expect(await served()).toBe(1)
      const graph = await registry.lineage.graph({
        kind: 'version',
        id: 'risk/1',
        direction: 'downstream',
        depthMax: 2,
      })
      expect(graph.nodes.map(({ kind, id }) => `${kind} ${id}`)).toContain('endpoint fraud')
      await registry.endpoints.delete('fraud', bob)
      expect(guard.asked.at(-1)).toBe('changed')
      await registry.versions.delete('risk', '1', ada)
      const { items } = await registry.audit.search({ subject: { type: 'endpoint', id: 'fraud' }, limit: 10 })
      expect(items.map(({ kind }) => kind)).toEqual(['endpoint.deleted', 'endpoint.created'])
    })

    it('serve files of a run, which can not change from then on', async () => {
      await using test = await opened(open)
      const { registry, put, served } = test
      const { info } = await registry.runs.create({
        experimentId: '0',
        name: '',
        userId: 'ada',
        startTime: 1,
        tags: [],
      })
      const reference = `runs:/${info.runId}/model`
      await expect(put(reference, 'of-run')).rejects.toMatchObject({ code: 'not_servable' })
      const folder = info.artifactUri.replace('mlflow-artifacts:/', '')
      await test.upload(`${folder}/model/model.onnx`, 'weights')
      expect(await put(reference, 'of-run')).toMatchObject({ reference, version: undefined, model: undefined })
      expect(await served('of-run')).toBe(1)
      const change = (): Promise<string> => test.upload(`${folder}/model/model.onnx`, 'others')
      await expect(change()).rejects.toMatchObject({ code: 'artifact_sealed' })
      await put(reference, 'another')
      await registry.endpoints.delete('of-run', ada)
      await expect(change()).rejects.toMatchObject({ code: 'artifact_sealed' })
      await registry.endpoints.delete('another', ada)
      await change()
    })

    it('serve the model that a run has logged beside it under a name, the newest of several', async () => {
      await using test = await opened(open)
      const { registry, put, served } = test
      const experimentId = '0'
      const { info } = await registry.runs.create({ experimentId, name: '', userId: 'ada', startTime: 1, tags: [] })
      const model = { experimentId, name: 'model', modelType: '', sourceRunId: info.runId, params: [], tags: [] }
      await registry.loggedModels.create(model)
      await test.clock.advance(1)
      const logged = await registry.loggedModels.create(model)
      const folder = logged.artifactUri.replace('mlflow-artifacts:/', '')
      const reference = `runs:/${info.runId}/model`
      await expect(put(reference, 'logged')).rejects.toMatchObject({ code: 'not_servable' })
      await test.upload(`${folder}/model.onnx`, 'weights')
      await put(reference, 'logged')
      expect(await served('logged')).toBe(1)
      await expect(test.upload(`${folder}/model.onnx`, 'others')).rejects.toMatchObject({ code: 'artifact_sealed' })
      // Registered by the same reference it is that model's, too.
      const version = await registry.versions.create(
        { name: 'fraud', source: reference, runId: '', runLink: '', modelId: '', description: '', tags: [] },
        ada,
      )
      expect(version).toMatchObject({ source: reference, runId: info.runId, modelId: logged.modelId })
      await put(`models:/fraud/${version.version}`, 'registered')
      expect(await served('registered')).toBe(version.version)
      await registry.endpoints.delete('logged', ada)
    })

    it('do not go back to a version that has been deleted, nor past it unasked', async () => {
      await using test = await opened(open)
      const { registry, move, put, served } = test
      for (const version of [1, 2, 3]) await move(version)
      await put('models:/fraud@champion')
      await registry.versions.delete('fraud', '2', ada)
      await expect(registry.endpoints.rollback('fraud', undefined, ada)).rejects.toMatchObject({
        code: 'conflict',
        message: /the version before the newest move, 2, has been deleted since; name the version to go back to/,
      })
      await registry.endpoints.rollback('fraud', '1', ada)
      expect(await served()).toBe(1)
    })

    it('are refused for files that are kept elsewhere', async () => {
      await using test = await opened(open)
      const { registry, move, put } = test
      const elsewhere = {
        name: 'fraud',
        source: 's3://bucket/model',
        runId: '',
        runLink: '',
        modelId: '',
        description: '',
        tags: [],
      }
      const { version } = await registry.versions.create(elsewhere, ada)
      await expect(put(`models:/fraud/${version}`)).rejects.toMatchObject({
        code: 'not_servable',
        message: /s3:\/\/bucket\/model/,
      })
      await move(1)
      await put('models:/fraud@champion')
      await expect(move(version)).rejects.toMatchObject({ code: 'promotion_refused' })
    })
  })
}
