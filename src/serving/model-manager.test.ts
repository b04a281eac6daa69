import { describe, expect, it } from 'vitest'
import { AppError, fail } from '../protocol/index.ts'
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
  readonly #ended = Promise.withResolvers<never>()

  constructor(order: VersionOrder, load: () => Promise<void>) {
    this.model = order.model
    this.version = order.found.version
    this.found = order.found
    this.#load = load
    this.#ended.promise.catch(() => {})
  }

  async prepare(): Promise<void> {}

  moveTo(): void {}

  async start(): Promise<void> {
    await Promise.race([this.#load(), this.#ended.promise])
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
    this.#ended.reject(new Error('ended while loading'))
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

/** Files of models that have no versions yet, or can have none. */
const unready = new Set(['coming', 'broken'])

/** A manager over folders in memory: what each model's files are called now, undefined for none. */
const open = (
  folders: Map<string, string>,
  load: (order: VersionOrder) => Promise<void>,
  clock = new VirtualClock(),
  memory = boundless,
) => {
  const opened: FakeVersion[] = []
  const errors: unknown[] = []
  const find = async (name: string): Promise<FoundModel | undefined> => {
    const fingerprint = folders.get(name)
    if (fingerprint === undefined) return undefined
    if (unready.has(fingerprint)) {
      const isComing = fingerprint === 'coming'
      return {
        name,
        directory: '',
        config: undefined,
        warnings: [],
        problem: `it is ${fingerprint}`,
        isComing,
        versions: [],
      }
    }
    const versions = [{ version: 1, directory: `/no/such/folder/${name}/1`, fingerprint }]
    return { name, directory: `/no/such/folder/${name}`, config: undefined, warnings: [], problem: undefined, versions }
  }
  const list = async (): Promise<FoundModel[]> =>
    (await Promise.all([...folders.keys()].map(find))).filter((model) => model !== undefined)
  const manager = new ModelManager({
    roots: ['/no/such/folder'],
    openSource: () => ({ list, find }),
    clock,
    logger: { ...quiet, error: (event, fields) => errors.push([event, fields]) },
    events,
    memory: memory as MemoryKeeper,
    loads: new LoadTurns({ places: 4, clock }),
    swap: 'availability',
    queueDepthMax: 1000,
    openVersion: (order) => {
      const version = new FakeVersion(order, () => load(order))
      opened.push(version)
      return version as unknown as ServedVersion
    },
  })
  return { manager, opened, errors }
}

describe('a model that is still being brought', () => {
  it('is not ready, which is no failure that the log tells of', async () => {
    const { manager, errors } = open(new Map([['later', 'coming']]), async () => {})
    await manager.loadAll()
    await expect(manager.load('later')).rejects.toMatchObject({ code: 'model_not_ready' })
    expect(errors).toEqual([])
  })

  it('is told from one that can not be read', async () => {
    const { manager, errors } = open(new Map([['m', 'broken']]), async () => {})
    await expect(manager.load('m')).rejects.toMatchObject({ code: 'config_invalid' })
    expect(errors).toEqual([['model.load_failed', { model: 'm', reason: "failed to load 'm': it is broken" }]])
  })
})

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

describe('a request for a version that was unloaded, while its model moves to another', () => {
  /** Version 1 of a model was unloaded, and a move to version 2 is under way; loads wait at the gates that there are. */
  const openMove = async ({ staying = [2], memory = boundless, held = [2] }) => {
    const gates = new Map<number, PromiseWithResolvers<void>>()
    const loads: number[] = []
    const load = async ({ found }: VersionOrder): Promise<void> => {
      loads.push(found.version)
      await gates.get(found.version)?.promise
    }
    const { manager, opened } = open(new Map([['m', 'first']]), load, undefined, memory)
    await manager.load('m')
    await manager.evict({ model: 'm', version: 1, bytes: 1 })
    for (const version of held) gates.set(version, Promise.withResolvers<void>())
    const version = (number: number) => ({ version: number, directory: `/no/such/folder/${number}`, fingerprint: 'x' })
    const found = (versions: readonly number[]): FoundModel => ({
      name: 'm',
      directory: '/no/such/folder',
      config: undefined,
      warnings: [],
      problem: undefined,
      versions: versions.map(version),
      serve: { versions, preferred: 2 },
    })
    const move = manager.change('m', { find: async () => found([2]), keep: async () => found(staying) })
    move.catch(() => {})
    await expect.poll(() => loads).toContain(2)
    return { manager, opened, move, loads, gate: (of: number) => gates.get(of) }
  }
  const states = (opened: readonly FakeVersion[]) => opened.map(({ version, state }) => `${version} ${state}`)

  it('is answered by it at once, and by the other once the move was made', async () => {
    const { manager, opened, move, loads, gate } = await openMove({})
    const answers = await Promise.all([manager.require('m', undefined), manager.require('m', '1')])
    expect(answers.map(({ version }) => version)).toEqual([1, 1])
    expect(manager.get('m', undefined)?.version).toBe(1)
    expect(loads).toEqual([1, 2, 1])
    gate(2)?.resolve()
    await move
    expect(manager.get('m', undefined)?.version).toBe(2)
    await expect.poll(() => states(opened)).toEqual(['1 ended', '2 serving', '1 ended'])
    await expect(manager.require('m', '1')).rejects.toMatchObject({ code: 'version_not_found' })
  })

  it('brings it to stay, where the move keeps it beside', async () => {
    const { manager, opened, move, gate } = await openMove({ staying: [1, 2] })
    await manager.require('m', undefined)
    gate(2)?.resolve()
    await move
    expect([manager.get('m', undefined)?.version, manager.get('m', '1')?.version]).toEqual([2, 1])
    expect(states(opened)).toEqual(['1 ended', '2 serving', '1 serving'])
  })

  it('is answered by the other when that comes first, and what was loading ends', async () => {
    const { manager, opened, move, loads, gate } = await openMove({ held: [1, 2] })
    const answer = manager.require('m', undefined)
    await expect.poll(() => loads).toEqual([1, 2, 1])
    gate(2)?.resolve()
    await move
    expect((await answer).version).toBe(2)
    expect(states(opened)).toEqual(['1 ended', '2 serving', '1 ended'])
  })

  it('goes on when the move fails, and the next change waits for it', async () => {
    const { manager, opened, move, loads, gate } = await openMove({ held: [1, 2] })
    const answer = manager.require('m', undefined)
    await expect.poll(() => loads).toEqual([1, 2, 1])
    gate(2)?.reject(new Error('no weights'))
    await expect(move).rejects.toThrow('no weights')
    const ended: string[] = []
    const loaded = manager.load('m').then(() => ended.push('change'))
    await new Promise((resolve) => setImmediate(resolve))
    expect(ended).toEqual([])
    gate(1)?.resolve()
    expect((await answer).version).toBe(1)
    await loaded
    expect(states(opened)).toEqual(['1 ended', '2 ended', '1 serving'])
  })

  it('is told why it does not load, while the move goes on', async () => {
    const { manager, move, gate } = await openMove({ held: [1, 2] })
    gate(1)?.reject(new Error('no weights any more'))
    await expect(manager.require('m', undefined)).rejects.toThrow('no weights any more')
    gate(2)?.resolve()
    await move
    expect((await manager.require('m', undefined)).version).toBe(2)
  })

  it('waits for the move where there is no room for both', async () => {
    let taken = 0
    const memory: typeof boundless = {
      budgetBytes: 1,
      reserve: async () => {
        if (taken === 1) throw fail('memory_budget_exceeded', { model: 'm', neededBytes: 1, budgetBytes: 1 })
        taken += 1
        return () => {
          taken -= 1
        }
      },
    }
    const { manager, opened, move, gate } = await openMove({ memory })
    const answer = manager.require('m', undefined)
    await expect.poll(() => opened.length).toBe(3)
    gate(2)?.resolve()
    await move
    expect((await answer).version).toBe(2)
    expect(states(opened)).toEqual(['1 ended', '2 serving', '1 ended'])
  })
})

/** A change to version 2 that is made, or given up in the end. */
const move = (manager: ModelManager, name: string, random: SeededRandom): Promise<void> => {
  const version = { version: 2, directory: `/no/such/folder/${name}/2`, fingerprint: String(random.next()) }
  const found = { name, directory: '', config: undefined, warnings: [], problem: undefined, versions: [version] }
  const isMade = random.chance(0.7)
  return manager.change(name, {
    find: async () => found,
    keep: async () => {
      if (!isMade) throw new Error('it does not load')
      return { ...found, serve: { versions: [2], preferred: 2 } }
    },
  })
}

/** One random operation of every kind there is. */
const operate = async (manager: ModelManager, folders: Map<string, string>, random: SeededRandom): Promise<void> => {
  const name = random.pick(['a', 'b', 'c'])
  const doing = random.pick(['load', 'unload', 'require', 'evict', 'write', 'remove', 'poll', 'move'] as const)
  if (doing === 'write') folders.set(name, String(random.next()))
  else if (doing === 'remove') folders.delete(name)
  else if (doing === 'poll') await manager.poll()
  else if (doing === 'require') {
    const served = await manager.require(name, undefined)
    // An unload right behind the load may have ended it by now.
    expect((served as unknown as FakeVersion).state).not.toBe('new')
  } else if (doing === 'evict') await manager.evict({ model: name, version: random.pick([1, 2]), bytes: 1 })
  else if (doing === 'move') await move(manager, name, random)
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
