import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { systemClock } from '../../lib/index.ts'
import type { Blob, BlobStore } from '../../ports/index.ts'
import type { TestRegistry, TestRegistryOptions } from '../open-test-registry.ts'

type Open = (options?: TestRegistryOptions) => Promise<TestRegistry>
type Query = Partial<Parameters<TestRegistry['registry']['garbage']['page']>[0]>
type Item = Awaited<ReturnType<TestRegistry['registry']['garbage']['page']>>['items'][number]

const actor = { name: 'ada', reason: 'no space' }
const dayMs = 86_400_000

/** Blobs are stored in real time, so that the clock of these tests begins a little after it. */
const now = (): TestRegistryOptions => ({ wallMs: systemClock.wallMs() + 60_000 })

/** Every page of a collection. */
const collected = async (test: TestRegistry, query: Query = {}): Promise<Item[]> => {
  const items: Item[] = []
  let pageToken: string | undefined
  do {
    const page = await test.registry.garbage.page({
      remove: true,
      olderThanMs: 30 * dayMs,
      blobAgeMs: 0,
      limit: 100,
      actor,
      ...query,
      pageToken,
    })
    items.push(...page.items)
    pageToken = page.nextPageToken
  } while (pageToken !== undefined)
  return items
}

const newRun = async (test: TestRegistry, file: string, experimentId = '0'): Promise<string> => {
  const { info } = await test.registry.runs.create({ experimentId, name: file, userId: '', startTime: 1, tags: [] })
  await test.upload(`${experimentId}/${info.runId}/artifacts/model/${file}`, file)
  return info.runId
}

const register = (test: TestRegistry, source: string, runId = '') =>
  test.registry.versions.create(
    { name: 'fraud', source, runId, runLink: '', modelId: '', description: '', tags: [] },
    actor,
  )

const short = ({ kind, id, verdict, reason }: Item): string => `${kind} ${id} ${verdict}: ${reason}`
const digestOf = (content: string): string => createHash('sha256').update(content).digest('hex')

async function* piecesOf(content: string): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(Buffer.from(content))
}

const putBlob = ({ blobs }: TestRegistry, content: string): Promise<Blob> =>
  blobs.put(piecesOf(content), { bytesMax: content.length })

/** Digests of the blobs there are. */
const stored = async ({ blobs }: TestRegistry): Promise<string[]> =>
  (await Array.fromAsync(blobs.list())).map(({ digest }) => digest)

/** What collecting garbage promises, on any database. */
export const describeGarbage = (name: string, open: Open): void => {
  describe(`garbage collection on ${name}`, () => {
    describeRuns(open)
    describeKept(open)
    describeOthers(open)
    describeUploads(open)
  })
}

const describeRuns = (open: Open): void => {
  it('removes a run that was deleted long ago with all it logged, and tells who did it', async () => {
    await using test = await open(now())
    const { runs, log, artifacts, history, audit } = test.registry
    const runId = await newRun(test, 'one')
    await log.logBatch(runId, {
      metrics: Array.from({ length: 900 }, (_, step) => ({ key: `m${step % 7}`, value: step, step, timestamp: step })),
      params: [{ key: 'depth', value: '3' }],
      tags: [{ key: 'team', value: 'risk' }],
    })
    await runs.delete(runId)
    await test.clock.advance(31 * dayMs)
    const planned = await collected(test, { remove: false })
    expect(planned).toEqual([
      {
        kind: 'run',
        id: runId,
        name: 'one',
        verdict: 'goes',
        reason: 'deleted 31 days ago',
        files: 1,
        bytes: 3,
        bytesAlone: 3,
      },
    ])
    expect(await runs.get(runId)).toBeDefined()
    const gone = await collected(test)
    expect(gone.map(short)).toEqual([
      `run ${runId} gone: deleted 31 days ago`,
      `blob ${digestOf('one')} gone: nothing named it`,
    ])
    expect(await runs.get(runId)).toBeUndefined()
    expect(await artifacts.below(`0/${runId}`)).toEqual([])
    expect(await stored(test)).toEqual([])
    expect((await history.page(runId, 'm1', { limit: 10, pageToken: undefined })).metrics).toEqual([])
    for (const table of ['metric_points', 'metric_series', 'params', 'run_tags', 'purges'])
      expect(await test.db.query(`SELECT * FROM ${table}`), table).toEqual([])
    const told = await audit.search({ limit: 2 })
    expect(
      told.items.map(({ kind, actor: who, reason, subject, details }) => [kind, who, reason, subject, details]),
    ).toEqual([
      ['blobs.swept', 'ada', 'no space', { type: 'storage', id: 'blobs', name: undefined }, { blobs: 1, bytes: 3 }],
      ['run.purged', 'ada', 'no space', { type: 'run', id: runId, name: 'one' }, { name: 'one', files: 1, bytes: 3 }],
    ])
    expect(await collected(test)).toEqual([])
  })

  it('leaves what is young, restored, active or not named', async () => {
    await using test = await open(now())
    const { runs } = test.registry
    const [young, restored, active, named] = [
      await newRun(test, 'young'),
      await newRun(test, 'restored'),
      await newRun(test, 'active'),
      await newRun(test, 'named'),
    ]
    for (const id of [young, restored, named]) await runs.delete(id)
    await runs.restore(restored)
    await test.clock.advance(3 * dayMs)
    const reason = 'deleted 3 days ago; it is kept for 30 days'
    expect((await collected(test)).map(short)).toEqual([young, named].sort().map((id) => `run ${id} kept: ${reason}`))
    const only = await collected(test, { runIds: [named, active], olderThanMs: 0 })
    expect(
      only
        .filter(({ kind }) => kind === 'run')
        .map(short)
        .sort(),
    ).toEqual([`run ${active} kept: it is not deleted`, `run ${named} gone: deleted 3 days ago`].sort())
    expect(await runs.get(young)).toBeDefined()
  })

  it('goes in pages as small as one item, each of which can be the last', async () => {
    await using test = await open(now())
    const ids: string[] = []
    for (let index = 0; index < 5; index++) ids.push(await newRun(test, `run ${index}`))
    for (const id of ids) await test.registry.runs.delete(id)
    const first = { remove: true, olderThanMs: 0, blobAgeMs: 0, limit: 2, actor }
    const page = await test.registry.garbage.page(first)
    expect(page.items.map(({ verdict }) => verdict)).toEqual(['gone', 'gone'])
    // A dry run's token is not one for the removal.
    const dry = await test.registry.garbage.page({ ...first, remove: false })
    await expect(test.registry.garbage.page({ ...first, pageToken: dry.nextPageToken })).rejects.toThrow('page token')
    const rest = await collected(test, { olderThanMs: 0, limit: 1 })
    expect(rest.filter(({ kind }) => kind === 'run')).toHaveLength(3)
    expect(rest.filter(({ kind }) => kind === 'blob')).toHaveLength(5)
    expect(await stored(test)).toEqual([])
    for (const limit of [0, 1001])
      await expect(collected(test, { limit })).rejects.toMatchObject({ code: 'invalid_parameter' })
  })
}

const describeKept = (open: Open): void => {
  it('keeps the run, the model and the files of a registered version until the version is gone', async () => {
    await using test = await open(now())
    const { runs, models, versions, loggedModels, inUse } = test.registry
    await models.create('fraud', {}, actor)
    const [origin, place, maker] = [
      await newRun(test, 'origin'),
      await newRun(test, 'place'),
      await newRun(test, 'maker'),
    ]
    const model = await loggedModels.create({
      experimentId: '0',
      name: 'net',
      modelType: '',
      sourceRunId: maker,
      params: [],
      tags: [],
    })
    await test.upload(`0/models/${model.modelId}/artifacts/MLmodel`, 'MLmodel')
    await register(test, 's3://elsewhere/model', origin)
    await register(test, `mlflow-artifacts:/0/${place}/artifacts/model`)
    await register(test, `models:/${model.modelId}`)
    await models.setAlias('fraud', 'champion', '2', actor)
    await inUse.add('endpoint:fraud', 'fraud', '2')
    for (const id of [origin, place, maker]) await runs.delete(id)
    await loggedModels.delete(model.modelId)
    await test.clock.advance(31 * dayMs)
    const reasons = {
      [origin]: 'version fraud/1 was made from this run',
      [place]: `the files of version fraud/2 (@champion, used by endpoint:fraud) are below 0/${place}/artifacts/model`,
      [maker]: 'version fraud/3 was made from this run',
      [model.modelId]: 'version fraud/3 is this model',
    }
    for (const remove of [false, true]) {
      const items = await collected(test, { remove })
      expect(Object.fromEntries(items.map(({ id, reason }) => [id, reason]))).toEqual(reasons)
      expect(items.every(({ verdict }) => verdict === 'kept')).toBe(true)
    }
    expect(await stored(test)).toHaveLength(4)
    await inUse.remove('endpoint:fraud', 'fraud', '2')
    for (const version of ['1', '2', '3']) await versions.delete('fraud', version, actor)
    const items = await collected(test)
    expect(items.map(({ kind, verdict }) => `${kind} ${verdict}`).sort()).toEqual([
      ...Array.from({ length: 4 }, () => 'blob gone'),
      'logged_model gone',
      'run gone',
      'run gone',
      'run gone',
    ])
    expect(await stored(test)).toEqual([])
    // Numbers are not used again.
    expect((await register(test, 's3://elsewhere/model')).version).toBe(4)
  })

  it('keeps what a registered version came of further up', async () => {
    await using test = await open(now())
    const { runs, models, loggedModels, log } = test.registry
    await models.create('fraud', {}, actor)
    const base = { experimentId: '0', name: 'base', modelType: '', sourceRunId: '', params: [], tags: [] }
    const { modelId } = await loggedModels.create(base)
    const started = async (parent: string): Promise<string> => {
      const runId = await newRun(test, 'below')
      await runs.setTag(runId, { key: 'mlflow.parentRunId', value: parent })
      return runId
    }
    const top = await newRun(test, 'top')
    const middle = await started(top)
    const made = await started(middle)
    const other = await started(top)
    await log.logInputs(made, [], [{ modelId }])
    await register(test, 's3://elsewhere/model', made)
    for (const id of [top, middle, made, other]) await runs.delete(id)
    await loggedModels.delete(modelId)
    const items = await collected(test, { olderThanMs: 0, blobAgeMs: dayMs })
    const reasons = Object.fromEntries(
      items.filter(({ kind }) => kind !== 'blob').map(({ id, reason }) => [id, reason]),
    )
    expect(reasons).toEqual({
      [top]: 'version fraud/1 was made from a run that this one started',
      [middle]: 'version fraud/1 was made from a run that this one started',
      [made]: 'version fraud/1 was made from this run',
      [other]: 'deleted 0 seconds ago',
      [modelId]: 'version fraud/1 was made from a run that read this model',
    })
    expect(await runs.get(other)).toBeUndefined()
  })

  it('keeps bytes that another file has as well', async () => {
    await using test = await open(now())
    const [gone, kept] = [await newRun(test, 'same'), await newRun(test, 'same')]
    await test.upload(`0/${gone}/artifacts/own`, 'own')
    await test.registry.runs.delete(gone)
    const [planned] = await collected(test, { remove: false, olderThanMs: 0 })
    expect(planned).toMatchObject({ files: 2, bytes: 7, bytesAlone: 3 })
    await collected(test, { olderThanMs: 0 })
    expect(await stored(test)).toEqual([digestOf('same')])
    expect(await test.registry.artifacts.read(`0/${kept}/artifacts/model/same`, 10)).toEqual(Buffer.from('same'))
  })

  it('keeps a folder that a version, an upload or another experiment has a claim to', async () => {
    await using test = await open(now())
    const { runs, models, uploads, experiments } = test.registry
    await models.create('fraud', {}, actor)
    const [above, upload, shared] = [await newRun(test, 'a'), await newRun(test, 'b'), await newRun(test, 'c')]
    await register(test, `mlflow-artifacts:/0/${above}`)
    await uploads.start('u1', `0/${upload}/artifacts/big.bin`)
    await experiments.create('guest', { artifactLocation: `mlflow-artifacts:/0/${shared}/artifacts/guest` })
    for (const id of [above, upload, shared]) await runs.delete(id)
    const items = await collected(test, { olderThanMs: 0 })
    const reasons = new Map(items.map(({ id, reason }) => [id, reason]))
    expect(reasons.get(above)).toBe(`the files of version fraud/1 are below 0/${above}`)
    expect(reasons.get(upload)).toBe(`an upload to 0/${upload}/artifacts/big.bin is not finished`)
    expect(reasons.get(shared)).toBe(`experiment 'guest' keeps its files in 0/${shared}/artifacts`)
    expect(items.every(({ verdict }) => verdict === 'kept')).toBe(true)
  })

  it('lets nobody restore or register what is being removed', async () => {
    await using test = await open(now())
    const { runs, models, experiments } = test.registry
    await models.create('fraud', {}, actor)
    const experimentId = await experiments.create('old')
    const [one, two] = [await newRun(test, 'one', experimentId), await newRun(test, 'two', experimentId)]
    await experiments.delete(experimentId)
    const purge = (kind: string, id: string, folder: string): Promise<unknown> =>
      test.db.query(
        `INSERT INTO purges (kind, id, name, folder, actor, reason, files, bytes, started_time) VALUES (?, ?, '', ?, 'ada', '', 0, 0, 0)`,
        [kind, id, folder],
      )
    await purge('run', one, `${experimentId}/${one}/artifacts`)
    const refused = { code: 'being_purged' }
    await expect(runs.restore(one)).rejects.toMatchObject(refused)
    await expect(register(test, `runs:/${one}/model`)).rejects.toMatchObject(refused)
    await expect(register(test, 's3://elsewhere/x', one)).rejects.toMatchObject(refused)
    await expect(register(test, `mlflow-artifacts:/${experimentId}`)).rejects.toMatchObject(refused)
    await experiments.restore(experimentId)
    expect((await runs.require(two)).info.lifecycleStage).toBe('active')
    expect((await runs.require(one)).info.lifecycleStage).toBe('deleted')
    await experiments.delete(experimentId)
    await purge('experiment', experimentId, experimentId)
    await expect(experiments.restore(experimentId)).rejects.toMatchObject(refused)
  })
}

const describeOthers = (open: Open): void => {
  it('removes an experiment with its runs, models, traces and files, unless something in it stays', async () => {
    await using test = await open(now())
    const { experiments, runs, loggedModels, models, versions } = test.registry
    await models.create('fraud', {}, actor)
    const experimentId = await experiments.create('old', { tags: [{ key: 'a', value: 'b' }] })
    const [one, kept] = [await newRun(test, 'one', experimentId), await newRun(test, 'kept', experimentId)]
    const model = await loggedModels.create({
      experimentId,
      name: 'net',
      modelType: '',
      sourceRunId: '',
      params: [],
      tags: [],
    })
    await test.upload(`${experimentId}/models/${model.modelId}/artifacts/MLmodel`, 'MLmodel')
    await test.upload(`${experimentId}/notes.txt`, 'notes')
    await register(test, `runs:/${kept}/model`)
    await experiments.delete(experimentId)
    await test.clock.advance(40 * dayMs)
    const byRun = 'version fraud/1 was made from this run'
    const dry = await collected(test, { remove: false })
    expect(dry.map(short)).toContainEqual(`experiment ${experimentId} kept: its run ${kept} is kept: ${byRun}`)
    const first = await collected(test)
    expect(first.map(short)).toContainEqual(`run ${one} gone: deleted 40 days ago`)
    expect(first.map(short)).toContainEqual(`run ${kept} kept: ${byRun}`)
    expect(first.map(short)).toContainEqual(`experiment ${experimentId} kept: its run ${kept} is still there`)
    await versions.delete('fraud', '1', actor)
    expect((await collected(test, { remove: false })).map(short)).toContainEqual(
      `experiment ${experimentId} goes: deleted 40 days ago`,
    )
    expect((await collected(test)).map(({ kind, verdict }) => `${kind} ${verdict}`)).toEqual([
      'run gone',
      'experiment gone',
      'blob gone',
      'blob gone',
      'blob gone',
    ])
    expect(await experiments.get(experimentId)).toBeUndefined()
    expect(await runs.get(kept)).toBeUndefined()
    expect(await stored(test)).toEqual([])
    expect(await test.db.query('SELECT * FROM artifacts')).toEqual([])
    // The name is free again, and the number isn't given twice.
    expect(await experiments.create('old')).not.toBe(experimentId)
  })

  it('never removes the default experiment, nor files of one whose place others share', async () => {
    await using test = await open(now())
    const { experiments } = test.registry
    const place = { artifactLocation: 'mlflow-artifacts:/shared' }
    const [gone, stays, root] = [
      await experiments.create('gone', place),
      await experiments.create('stays', place),
      await experiments.create('root', { artifactLocation: 'mlflow-artifacts:/' }),
    ]
    await test.upload('shared/notes.txt', 'notes')
    for (const id of ['0', gone, root]) await experiments.delete(id)
    const items = await collected(test, { olderThanMs: 0 })
    expect(items.map(short)).toEqual([
      `experiment 0 kept: it is the default experiment`,
      `experiment ${gone} kept: experiment 'stays' keeps its files in shared`,
      `experiment ${root} kept: its files are at the root, among those of everybody`,
    ])
    await experiments.delete(stays)
    expect(await test.registry.artifacts.get('shared/notes.txt')).toBeDefined()
  })

  it('drops uploads in parts that nobody finished for a week', async () => {
    await using test = await open(now())
    const { uploads } = test.registry
    const [old, young] = [await test.blobs.startUpload(), await test.blobs.startUpload()]
    await uploads.start(old, '0/a')
    await test.clock.advance(5 * dayMs)
    await uploads.start(young, '0/b')
    await test.clock.advance(3 * dayMs)
    expect((await collected(test)).map(short).sort()).toEqual(
      [
        `upload ${old} gone: begun 8 days ago and never finished`,
        `upload ${young} kept: begun 3 days ago; it is kept for 7 days`,
      ].sort(),
    )
    await expect(uploads.require(old, '0/a')).rejects.toMatchObject({ code: 'resource_missing' })
    await expect(test.blobs.dropUpload(old)).rejects.toMatchObject({ code: 'resource_missing' })
    await test.blobs.dropUpload(young)
  })
}

/** Does something as soon as a blob is about to be deleted, or was. */
const whenDeleting = (at: 'before' | 'after', act: (digest: string) => Promise<void>) => ({
  wrapBlobs: (blobs: BlobStore): BlobStore =>
    new Proxy(blobs, {
      get(target, key) {
        if (key === 'delete')
          return async (digest: string) => {
            if (at === 'before') await act(digest)
            await target.delete(digest)
            if (at === 'after') await act(digest)
          }
        const value: unknown = Reflect.get(target, key)
        return typeof value === 'function' ? value.bind(target) : value
      },
    }),
})

const describeUploads = (open: Open): void => {
  const swept = { code: 'artifact_swept' }

  it('leaves bytes that were named between being looked at and being claimed', async () => {
    await using test = await open(now())
    const blob = await putBlob(test, 'bytes')
    const list = test.blobs.list.bind(test.blobs)
    test.blobs.list = async function* (after) {
      for await (const each of list(after)) {
        yield each
        await test.registry.artifacts.put('0/a', blob)
      }
    }
    expect((await collected(test)).filter(({ verdict }) => verdict === 'gone')).toEqual([])
    expect(await test.registry.artifacts.read('0/a', 10)).toEqual(Buffer.from('bytes'))
  })

  it.each(['before', 'after'] as const)(
    'gives no name to bytes that an upload found %s they were deleted, and takes them again',
    async (at) => {
      let test: TestRegistry | undefined
      const refused: unknown[] = []
      const place = async (): Promise<void> => {
        if (test === undefined) return
        // The upload found the bytes there already, and now names them.
        const blob = { digest: digestOf('bytes'), bytes: 5 }
        await test.registry.artifacts.put('0/a', blob).catch((error: unknown) => refused.push(error))
      }
      test = await open({ ...now(), ...whenDeleting(at, place) })
      await using opened = test
      await putBlob(opened, 'bytes')
      expect((await collected(opened)).map(({ verdict }) => verdict)).toEqual(['gone'])
      expect(refused).toMatchObject([swept])
      // One that was slow to name them hears it as well, long after.
      await opened.clock.advance(dayMs)
      const late = opened.registry.artifacts.put('0/a', { digest: digestOf('bytes'), bytes: 5 })
      await expect(late).rejects.toMatchObject(swept)
      expect(await opened.registry.artifacts.get('0/a')).toBeUndefined()
      await opened.upload('0/a', 'bytes')
      expect(await opened.registry.artifacts.read('0/a', 10)).toEqual(Buffer.from('bytes'))
      expect((await collected(opened)).map(({ verdict }) => verdict)).toEqual([])
    },
  )

  it('refuses the end of an upload in parts in the same way, and finishes it when asked again', async () => {
    await using test = await open(now())
    const { uploads, artifacts } = test.registry
    const upload = await test.blobs.startUpload()
    await uploads.start(upload, '0/a')
    const etag = await test.blobs.putPart(upload, 1, piecesOf('bytes'), { bytesMax: 5 })
    const finish = (): Promise<Blob> => test.blobs.finishUpload(upload, [{ number: 1, etag }], { bytesMax: 5 })
    const blob = await finish()
    expect((await collected(test)).map(({ kind, verdict }) => `${kind} ${verdict}`)).toEqual([
      'upload kept',
      'blob gone',
    ])
    await expect(uploads.finish(upload, '0/a', blob)).rejects.toMatchObject(swept)
    await uploads.finish(upload, '0/a', await finish())
    expect(await artifacts.read('0/a', 10)).toEqual(Buffer.from('bytes'))
  })

  it('takes over the bytes that a process claimed that died, once its time is up', async () => {
    let isDead = true
    const die = async (): Promise<void> => {
      if (isDead) await Promise.reject(new Error('killed'))
    }
    await using test = await open({ ...now(), ...whenDeleting('before', die) })
    const blob = await putBlob(test, 'bytes')
    await expect(collected(test)).rejects.toThrow('killed')
    isDead = false
    const [left] = await collected(test)
    expect(left?.reason).toBe('it was named meanwhile, or another process is removing it')
    await expect(test.registry.artifacts.put('0/a', blob)).rejects.toMatchObject(swept)
    await test.clock.advance(600_000)
    // Whoever wants to name them relieves it as well.
    await expect(test.registry.artifacts.put('0/a', blob)).rejects.toMatchObject(swept)
    expect(await stored(test)).toEqual([])
    await test.upload('0/a', 'bytes')
    expect(await collected(test)).toEqual([])
    expect(await stored(test)).toEqual([blob.digest])
  })

  it('keeps bytes that are so young that they may be on their way', async () => {
    await using test = await open(now())
    await putBlob(test, 'bytes')
    const [kept] = await collected(test, { blobAgeMs: 3_600_000 })
    expect(kept).toMatchObject({ kind: 'blob', verdict: 'kept' })
    await test.clock.advance(3_700_000)
    expect((await collected(test, { blobAgeMs: 3_600_000 })).map(({ verdict }) => verdict)).toEqual(['gone'])
  })
}
