import { describe, expect, it } from 'vitest'
import { AppError } from '../protocol/index.ts'
import type { SeededRandom } from '../testing/seeded-random.ts'
import { simulate } from '../testing/simulate.ts'
import { VirtualClock } from '../testing/virtual-clock.ts'
import { LoadTurns } from './load-turns.ts'
import type { MemoryKeeper } from './memory-keeper.ts'
import { ModelManager } from './model-manager.ts'
import type { FoundModel } from './model-source.ts'
import type { ServedVersion, VersionOrder } from './served-version.ts'

/** A version whose load takes as long as `loadMs` says, without a host. */
class FakeVersion {
  readonly model: string
  readonly version: number
  readonly found: VersionOrder['found']
  readonly facts = { loadMs: 1 }
  readonly instances = []
  readonly outstanding = 0
  unavailable: string | undefined
  state: 'new' | 'serving' | 'ended' = 'new'
  /** What it still has to answer. */
  inside: Promise<void> = Promise.resolve()
  readonly #load: () => Promise<void>

  constructor(order: VersionOrder, load: () => Promise<void>) {
    this.model = order.model
    this.version = order.found.version
    this.found = order.found
    this.#load = load
  }

  async prepare(): Promise<void> {}

  async start(): Promise<void> {
    await this.#load()
    if (this.state === 'ended') throw new Error('ended while loading')
    this.state = 'serving'
  }

  async drain(reason: string): Promise<void> {
    this.unavailable ??= reason
    await this.inside
    this.state = 'ended'
  }

  async end(reason: string): Promise<void> {
    this.unavailable ??= reason
    this.state = 'ended'
  }
}

const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
const events = {
  batchDone: () => {},
  hostCrashed: () => {},
  quarantined: () => {},
  versionState: () => {},
  versionLoaded: () => {},
  versionGone: () => {},
}

const boundless: Pick<MemoryKeeper, 'budgetBytes' | 'reserve'> = {
  budgetBytes: Infinity,
  reserve: async () => () => {},
}

/** A manager over folders in memory: what each model's files are called now, undefined for none. */
const open = (folders: Map<string, string>, load: () => Promise<void>, clock = new VirtualClock()) => {
  const opened: FakeVersion[] = []
  const find = async (name: string): Promise<FoundModel | undefined> => {
    const fingerprint = folders.get(name)
    if (fingerprint === undefined) return undefined
    const versions = [{ version: 1, directory: `/no/such/folder/${name}/1`, fingerprint }]
    return { name, directory: `/no/such/folder/${name}`, config: undefined, warnings: [], problem: undefined, versions }
  }
  const list = async (): Promise<FoundModel[]> =>
    (await Promise.all([...folders.keys()].map(find))).filter((model) => model !== undefined)
  const manager = new ModelManager({
    roots: ['/no/such/folder'],
    openSource: () => ({ list, find }),
    clock,
    logger: quiet,
    events,
    memory: boundless as MemoryKeeper,
    loads: new LoadTurns({ places: 4, clock }),
    swap: 'availability',
    queueDepthMax: 1000,
    openVersion: (order) => {
      const version = new FakeVersion(order, load)
      opened.push(version)
      return version as unknown as ServedVersion
    },
  })
  return { manager, opened }
}

describe('a load that waits for its turn', () => {
  it('takes the files as they are then, not as they were when it was asked for', async () => {
    const folders = new Map([['m', 'first']])
    const gates: PromiseWithResolvers<void>[] = []
    const { manager, opened } = open(folders, () => {
      const gate = Promise.withResolvers<void>()
      gates.push(gate)
      return gate.promise
    })
    const loads = [manager.load('m'), manager.load('m')]
    await expect.poll(() => gates.length).toBe(1)
    folders.set('m', 'second')
    gates[0]?.resolve()
    await expect.poll(() => gates.length).toBe(2)
    gates[1]?.resolve()
    await Promise.all(loads)
    expect(opened.map((version) => version.found.fingerprint)).toEqual(['first', 'second'])
    expect(opened.map((version) => version.state)).toEqual(['ended', 'serving'])
  })

  it('fails clearly when its folder went meanwhile, and what served goes on', async () => {
    const folders = new Map([['m', 'first']])
    const { manager, opened } = open(folders, async () => {})
    const first = manager.load('m')
    const second = first.then(() => folders.delete('m')).then(() => manager.load('m'))
    await first
    await expect(second).rejects.toThrow(/no model repository has a folder of this name/)
    expect(opened.map((version) => version.state)).toEqual(['serving'])
    await expect(manager.load('nothing')).rejects.toThrow(/no model repository has a folder of this name/)
    expect(manager.statusOf('nothing')).toBeUndefined()
  })
})

describe('closing', () => {
  it('ends also what was taken out of service and has requests inside', async () => {
    const folders = new Map([['m', 'first']])
    const { manager, opened } = open(folders, async () => {})
    await manager.load('m')
    const [first] = opened
    if (first !== undefined) first.inside = new Promise(() => {})
    folders.set('m', 'second')
    await manager.load('m')
    const second = opened[1]
    if (second !== undefined) second.inside = new Promise(() => {})
    await manager.unload('m')
    expect(opened.map((version) => version.state)).toEqual(['serving', 'serving'])
    await manager.close()
    expect(opened.map((version) => version.state)).toEqual(['ended', 'ended'])
  })
})

/** One random operation of every kind there is. */
const operate = async (manager: ModelManager, folders: Map<string, string>, random: SeededRandom): Promise<void> => {
  const name = random.pick(['a', 'b', 'c'])
  const doing = random.pick(['load', 'unload', 'require', 'evict', 'write', 'remove', 'poll'] as const)
  if (doing === 'write') folders.set(name, String(random.next()))
  else if (doing === 'remove') folders.delete(name)
  else if (doing === 'poll') await manager.poll()
  else if (doing === 'require') {
    const served = await manager.require(name, undefined)
    // An unload right behind the load may have ended it by now.
    expect((served as unknown as FakeVersion).state).not.toBe('new')
  } else if (doing === 'evict') await manager.evict({ model: name, version: 1, bytes: 1 })
  else await manager[doing](name)
}

describe('changes of every kind at once', () => {
  it('leave nothing in memory but what serves, and end with what was asked for last', { timeout: 60_000 }, async () => {
    const codes = new Set<string>()
    await simulate(100, async (random) => {
      const clock = new VirtualClock()
      const folders = new Map([
        ['a', '1'],
        ['b', '1'],
      ])
      const load = async (): Promise<void> => {
        await new Promise<void>((resolve) => clock.setTimer(resolve, random.exponential(5)))
        if (random.chance(0.2)) throw new Error('it does not load')
      }
      const { manager, opened } = open(folders, load, clock)
      const expected = (error: unknown): void => {
        if (error instanceof AppError) codes.add(error.code)
        else if (!(error instanceof Error && error.message === 'it does not load')) throw error
      }
      const operations: Promise<void>[] = []
      for (let i = 0; i < 60; i++) {
        clock.setTimer(() => operations.push(operate(manager, folders, random).catch(expected)), random.exponential(40))
      }
      await clock.runUntilIdle()
      await Promise.all(operations)
      const inMemory = new Set(manager.serving().map((version) => version as unknown as FakeVersion))
      for (const version of opened) expect(version.state).toBe(inMemory.has(version) ? 'serving' : 'ended')
      await Promise.all(['a', 'b', 'c'].map((name) => manager.unload(name).catch(expected)))
      expect(manager.serving()).toEqual([])
      expect(opened.filter((version) => version.state !== 'ended')).toEqual([])
    })
    expect([...codes].toSorted()).toEqual(['load_failed', 'model_not_found', 'model_not_ready', 'model_unavailable'])
  })

  it('leave nothing in memory after the server closed in the midst of them', { timeout: 60_000 }, async () => {
    await simulate(50, async (random) => {
      const clock = new VirtualClock()
      const folders = new Map([['a', '1']])
      const load = (): Promise<void> => new Promise<void>((resolve) => clock.setTimer(resolve, random.exponential(10)))
      const { manager, opened } = open(folders, load, clock)
      const operations: Promise<unknown>[] = []
      for (let i = 0; i < 10; i++) {
        const at = random.exponential(10)
        clock.setTimer(() => folders.set('a', String(at)), at)
        clock.setTimer(() => operations.push(manager.load('a').catch(() => 'refused')), at)
      }
      clock.setTimer(() => operations.push(manager.close()), random.exponential(10))
      await clock.runUntilIdle()
      await Promise.all(operations)
      expect(opened.filter((version) => version.state !== 'ended')).toEqual([])
    })
  })
})
