import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { systemClock } from '../../lib/index.ts'
import type { BlobStore, Database, Queries } from '../../ports/index.ts'
import type { TestRegistry } from '../../testing/open-test-registry.ts'
import { openTestRegistry } from '../../testing/open-test-registry.ts'
import { claimMs } from './swept-blobs.ts'

const actor = { name: 'ada' }
const dayMs = 86_400_000
const wallMs = (): number => systemClock.wallMs() + 60_000

const collect = async ({ registry }: TestRegistry, limit = 100): Promise<void> => {
  let pageToken: string | undefined
  do {
    const query = { remove: true, olderThanMs: dayMs, blobAgeMs: 0, limit, actor, pageToken }
    ;({ nextPageToken: pageToken } = await registry.garbage.page(query))
  } while (pageToken !== undefined)
}

const newRun = async ({ registry }: TestRegistry, experimentId = '0'): Promise<string> =>
  (await registry.runs.create({ experimentId, name: '', userId: '', startTime: 1, tags: [] })).info.runId

const register = (test: TestRegistry, source: string) =>
  test.registry.versions.create(
    { name: 'fraud', source, runId: '', runLink: '', modelId: '', description: '', tags: [] },
    actor,
  )

/** Files whose bytes aren't there. */
const broken = async ({ db, blobs }: TestRegistry): Promise<string[]> => {
  const rows = await db.query<{ path: string; digest: string }>('SELECT path, digest FROM artifacts ORDER BY path')
  const there = new Set((await Array.fromAsync(blobs.list())).map(({ digest }) => digest))
  return rows.filter(({ digest }) => !there.has(digest)).map(({ path }) => path)
}

/** What is left, apart from the history. */
const remains = async ({ db, blobs }: TestRegistry): Promise<unknown> => {
  const tables = [
    'experiments',
    'runs',
    'logged_models',
    'traces',
    'metric_points',
    'artifacts',
    'purges',
    'artifact_uploads',
  ]
  const counts: unknown[] = []
  for (const table of tables) counts.push([table, (await db.query(`SELECT 1 AS one FROM ${table}`)).length])
  return { counts, blobs: (await Array.fromAsync(blobs.list())).map(({ digest }) => digest) }
}

describe('garbage collection that is killed', () => {
  /** A registry full of garbage. Its every statement, commit and deletion of bytes calls `step`. */
  const open = async (step: () => void): Promise<TestRegistry> => {
    const test = await openTestRegistry(undefined, {
      wallMs: wallMs(),
      wrapDb: (db) => stepping(db, step),
      wrapBlobs: (blobs) => steppingBlobs(blobs, step),
    })
    const { registry } = test
    const { experiments, runs, models, loggedModels, uploads, log } = registry
    await models.create('fraud', {}, actor)
    const experimentId = await experiments.create('old')
    const [gone, kept, inside] = [await newRun(test), await newRun(test), await newRun(test, experimentId)]
    for (const id of [gone, kept]) await test.upload(`0/${id}/artifacts/model/shared`, 'shared')
    await test.upload(`0/${gone}/artifacts/model/own`, 'own')
    await test.upload(`${experimentId}/${inside}/artifacts/file`, 'file')
    await log.logBatch(gone, { metrics: [{ key: 'm', value: 1, step: 0, timestamp: 0 }] })
    const model = await loggedModels.create({
      experimentId,
      name: 'm',
      modelType: '',
      sourceRunId: '',
      params: [],
      tags: [],
    })
    await test.upload(`${experimentId}/models/${model.modelId}/artifacts/MLmodel`, 'MLmodel')
    await register(test, `runs:/${kept}/model`)
    await uploads.start(await test.blobs.startUpload(), '0/big')
    for (const id of [gone, kept]) await runs.delete(id)
    await experiments.delete(experimentId)
    await test.clock.advance(8 * dayMs)
    return test
  }

  it('at any step leaves no file without its bytes, and the next one ends what it began', async () => {
    let steps = 0
    await using whole = await open(() => void steps++)
    steps = 0
    await collect(whole)
    const total = steps
    const expected = await remains(whole)
    expect(total).toBeGreaterThan(40)
    for (let killedAt = 1; killedAt <= total; killedAt++) {
      let left = Infinity
      await using test = await open(() => {
        left -= 1
        if (left <= 0) throw new Error('killed')
      })
      left = killedAt
      // A killed process does nothing more: every step after the first that fails does as well.
      await expect(collect(test), `step ${killedAt}`).rejects.toThrow('killed')
      left = Infinity
      expect(await broken(test), `step ${killedAt}`).toEqual([])
      await test.clock.advance(claimMs)
      await collect(test)
      const found = (await remains(test)) as { counts: unknown; blobs: readonly string[] }
      expect(found.counts, `step ${killedAt}`).toEqual((expected as typeof found).counts)
      expect(found.blobs).toEqual((expected as typeof found).blobs)
    }
  }, 60_000)
})

const stepping = (db: Database, step: () => void): Database => {
  const queries = (inner: Queries): Queries => ({
    query(sql, args) {
      step()
      return inner.query(sql, args)
    },
    executeMany(sql, argsOfEach) {
      step()
      return inner.executeMany(sql, argsOfEach)
    },
  })
  return {
    ...queries(db),
    dialect: db.dialect,
    async transact(fn) {
      const value = await db.transact(async (tx) => {
        const done = await fn(queries(tx))
        step()
        return done
      })
      step()
      return value
    },
    close: () => db.close(),
  }
}

const around = <T extends object>(inner: T, names: readonly string[], step: () => unknown): T =>
  new Proxy(inner, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key)
      if (typeof value !== 'function') return value
      const method = value.bind(target) as (...args: readonly unknown[]) => unknown
      if (!names.includes(String(key))) return method
      return async (...args: readonly unknown[]) => {
        await step()
        const result = await method(...args)
        await step()
        return result
      }
    },
  })

const steppingBlobs = (blobs: BlobStore, step: () => void): BlobStore => around(blobs, ['delete', 'dropUpload'], step)

/** Contents that uploads share, so that they meet one another and garbage collection. */
const contents = ['a', 'b', 'c']

type Deed =
  | { readonly kind: 'upload'; readonly content: number; readonly run: number }
  | { readonly kind: 'delete' | 'restore' | 'register' | 'remove' | 'unregister'; readonly run: number }
  | { readonly kind: 'collect'; readonly limit: number }

const run = fc.nat({ max: 2 })
const deed: fc.Arbitrary<Deed> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('upload' as const), content: fc.nat({ max: 2 }), run }) },
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constantFrom('delete', 'restore', 'register', 'remove', 'unregister'), run }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('collect' as const), limit: fc.integer({ min: 1, max: 4 }) }) },
)

async function* piecesOf(content: string): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(Buffer.from(content))
}

/** What is refused is refused; what is asked of a run that is gone as well. */
const refusals = new Set([
  'being_purged',
  'resource_missing',
  'invalid_parameter',
  'artifact_sealed',
  'artifact_swept',
  'conflict',
])

describe('garbage collection beside uploads, deletions and registrations', () => {
  it('takes the bytes of no file, whatever comes in between', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.array(fc.array(deed, { maxLength: 5 }), { minLength: 2, maxLength: 4 }),
        simulate,
      ),
      { numRuns: 60 },
    )
  }, 60_000)
})

/** Lets several callers do their deeds one after another, each step of the store in the order that the scheduler says. */
const simulate = async (scheduler: fc.Scheduler, callers: readonly (readonly Deed[])[]): Promise<void> => {
  let isOver = true
  const step = (): unknown => (isOver ? undefined : scheduler.schedule(Promise.resolve()))
  await using test = await openTestRegistry(undefined, {
    wallMs: wallMs(),
    wrapDb: (db) => around(db, ['query', 'transact'], step),
    wrapBlobs: (blobs) => around(blobs, ['put', 'stat', 'delete'], step),
  })
  const setUp = async (): Promise<string[]> => {
    await test.registry.models.create('fraud', {}, actor)
    return [await newRun(test), await newRun(test), await newRun(test)]
  }
  const ids = await setUp()
  isOver = false
  const registered = new Map<number, readonly string[]>()
  const works = callers.map(async (deeds, caller) => {
    for (const [index, each] of deeds.entries()) await act(test, each, { ids, name: `${caller}-${index}`, registered })
  })
  const all = Promise.all(works).finally(() => (isOver = true))
  while (!isOver) {
    if (scheduler.count() > 0) await scheduler.waitOne()
    else await new Promise<void>((resolve) => setImmediate(resolve))
  }
  await all
  expect(await broken(test)).toEqual([])
  const left = await test.db.query<{ version: number; storage_location: string }>(
    'SELECT version, storage_location FROM model_versions',
  )
  for (const { version, storage_location: location } of left) {
    const files = await test.registry.artifacts.below(location.replace('mlflow-artifacts:/', ''))
    expect(files.map(({ path }) => path)).toEqual(expect.arrayContaining([...(registered.get(version) ?? [])]))
  }
}

interface Scene {
  readonly ids: readonly string[]
  readonly name: string
  /** The files of versions when they were made. */
  readonly registered: Map<number, readonly string[]>
}

const act = async (test: TestRegistry, deedOf: Deed, scene: Scene): Promise<void> => {
  try {
    await attempt(test, deedOf, scene)
  } catch (error) {
    expect(refusals, String(error)).toContain((error as { readonly code?: string }).code)
  }
}

const attempt = async (test: TestRegistry, each: Deed, { ids, name, registered }: Scene): Promise<unknown> => {
  const { runs, versions, artifacts, garbage } = test.registry
  if (each.kind === 'collect')
    return garbage.page({ remove: true, olderThanMs: 0, blobAgeMs: 0, limit: each.limit, actor })
  const runId = ids[each.run] ?? ''
  switch (each.kind) {
    case 'upload': {
      const path = `0/${runId}/artifacts/model/${name}`
      const blob = await test.blobs.put(piecesOf(contents[each.content] ?? ''), { bytesMax: 10 })
      return artifacts.put(path, blob)
    }
    case 'delete':
      return runs.delete(runId)
    case 'restore':
      return runs.restore(runId)
    case 'register': {
      const { version } = await register(test, `runs:/${runId}/model`)
      // They are sealed, so that they are the same now.
      const files = await artifacts.below(`0/${runId}/artifacts/model`)
      registered.set(
        version,
        files.map(({ path }) => path),
      )
      return
    }
    case 'remove':
      return artifacts.delete(`0/${runId}/artifacts`)
    default:
      return versions.delete('fraud', String(each.run + 1), actor)
  }
}
