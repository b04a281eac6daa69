import { describe, expect, it } from 'vitest'
import type { EndpointTarget, ServedFiles } from '../registry/index.ts'
import type { ModelSource, ServedVersion } from '../serving/index.ts'
import { seededRandom } from '../testing/seeded-random.ts'
import { VirtualClock } from '../testing/virtual-clock.ts'
import type { KeptEndpoint } from './endpoint-snapshot.ts'
import { Endpoints } from './endpoints.ts'
import type { EndpointsDeps } from './endpoints.ts'

const files = (version: number): ServedFiles => ({
  version,
  folder: `0/m/${version}`,
  digest: String(version).padStart(64, '0'),
})
const signature = { inputs: [], outputs: [] }

/** Models in memory, without hosts: a load lasts until its gate opens, or fails as the test says. */
class FakeModels {
  source: ModelSource | undefined
  readonly memory = new Map<string, Map<number, ServedVersion>>()
  readonly answering = new Map<string, number>()
  readonly loads: string[] = []
  readonly gates = new Map<number, PromiseWithResolvers<void>>()
  readonly ofRepository = new Set<string>()
  readonly evicted = new Set<string>()

  addSource = (source: ModelSource): void => void (this.source = source)
  isOfRepository = (name: string): Promise<boolean> => Promise.resolve(this.ofRepository.has(name))
  statusOf = (name: string) =>
    this.memory.has(name) || this.evicted.has(name) ? ({ onDemand: this.evicted.has(name) } as never) : undefined
  load = (): Promise<void> => Promise.resolve()

  forget = (name: string): Promise<void> => {
    this.memory.delete(name)
    this.answering.delete(name)
    return Promise.resolve()
  }

  get = (name: string, version: string | undefined): ServedVersion | undefined =>
    this.memory.get(name)?.get(version === undefined ? (this.answering.get(name) ?? 0) : Number(version))

  change: EndpointsDeps['models']['change'] = async (name, change) => {
    const found = await change.find()
    const memory = this.memory.get(name) ?? new Map<number, ServedVersion>()
    const fresh = new Map<number, ServedVersion>()
    for (const { version } of found?.versions ?? []) {
      if (memory.has(version)) continue
      this.loads.push(`${name} ${version}`)
      const ended = Promise.withResolvers<never>()
      change.signal?.addEventListener('abort', () => ended.reject(new Error('called off')))
      await Promise.race([this.gates.get(version)?.promise, ended.promise])
      fresh.set(version, { version, facts: { signature } } as unknown as ServedVersion)
    }
    await change.keep((version) => fresh.get(version) ?? memory.get(version))
    const wanted = found?.serve?.versions ?? []
    this.memory.set(name, new Map([...memory, ...fresh].filter(([version]) => wanted.includes(version))))
    this.answering.set(name, found?.serve?.preferred ?? 0)
    this.evicted.delete(name)
  }

  /** A load of this version waits until the test lets it go on or fail. */
  hold(version: number): PromiseWithResolvers<void> {
    const gate = Promise.withResolvers<void>()
    gate.promise.catch(() => undefined)
    this.gates.set(version, gate)
    return gate
  }
}

const open = (kept: readonly KeptEndpoint[] = []) => {
  const clock = new VirtualClock()
  const models = new FakeModels()
  const targets = new Map<string, ServedFiles>()
  const checked: number[] = []
  const written: (readonly KeptEndpoint[])[] = []
  const tidied: ReadonlySet<string>[] = []
  const placed: number[] = []
  const log: string[] = []
  const at = (event: string): void => void log.push(event)
  let isAway = false
  const endpoints = new Endpoints({
    models,
    folders: {
      require: (wanted) => {
        placed.push(wanted.version)
        return Promise.resolve(`/no/such/folder/${wanted.version}`)
      },
      tidy: (digests) => Promise.resolve(void tidied.push(digests())),
    },
    checks: {
      require: ({ version }) => {
        checked.push(version.version)
        return Promise.resolve(['load'])
      },
    },
    snapshot: { read: () => Promise.resolve(kept), write: (lines) => Promise.resolve(void written.push(lines)) },
    clock,
    random: seededRandom(1),
    logger: { debug: at, info: at, warn: at, error: at },
    targets: () => {
      if (isAway) return Promise.reject(new Error('away'))
      const all = [...targets].map(([name, wanted]): EndpointTarget => ({
        endpoint: {
          name,
          reference: '',
          kind: 'alias',
          model: 'm',
          version: wanted.version,
          createdBy: '',
          createdTime: 0,
        },
        files: wanted,
        problem: undefined,
      }))
      return Promise.resolve(all)
    },
    pollIntervalMs: 500,
    keepWarm: 1,
  })
  const move = async (version: number, ...names: string[]): Promise<void> => {
    const moves = names.map((endpoint) => ({ endpoint, files: files(version), isNew: false }))
    const prepared = await endpoints.prepare(moves)
    for (const name of names) targets.set(name, files(version))
    await prepared.settle(true)
  }
  return {
    endpoints,
    models,
    targets,
    clock,
    checked,
    written,
    tidied,
    placed,
    log,
    move,
    away: (is: boolean) => (isAway = is),
  }
}

/** Configurations are looked for on the real disk, so that what a turn of the clock brings about comes a moment later. */
const soon = <T>(value: () => T) => expect.poll(value, { interval: 1, timeout: 10_000 })

const kept = (name: string, version: number): KeptEndpoint => ({ name, ...files(version) })

describe('endpoints at start', () => {
  it('serve what they served last before the registry is asked, and after that what it says', async () => {
    const { endpoints, models, targets } = open([kept('fraud', 1)])
    targets.set('fraud', files(2))
    await endpoints.start()
    expect(models.loads).toEqual(['fraud 1', 'fraud 2'])
    expect(models.answering.get('fraud')).toBe(2)
  })

  it('go on with what they served last when what the registry says fails, and keep its files', async () => {
    const { endpoints, models, targets, tidied, written } = open([kept('fraud', 1), kept('risk', 1)])
    targets.set('fraud', files(2)).set('risk', files(1))
    models.hold(2).reject(new Error('no weights'))
    await endpoints.start()
    expect([models.answering.get('fraud'), models.answering.get('risk')]).toEqual([1, 1])
    expect(tidied.at(-1)?.has(files(1).digest)).toBe(true)
    expect(written.at(-1)?.map(({ name, version }) => `${name} ${version}`)).toEqual(
      expect.arrayContaining(['fraud 1', 'risk 1']),
    )
  })

  it('leave a name to the model repository that has it, and take it when that has gone', async () => {
    const { endpoints, models, targets, clock } = open()
    targets.set('fraud', files(1))
    models.ofRepository.add('fraud')
    await endpoints.start()
    expect(models.loads).toEqual([])
    expect(await models.source?.find('fraud')).toBeUndefined()
    models.ofRepository.clear()
    await soon(async () => {
      await clock.advance(500)
      return models.answering.get('fraud')
    }).toBe(1)
  })
})

describe('a move', () => {
  it('switches all endpoints that follow, and only once it is made', async () => {
    const { endpoints, models, targets, checked, move } = open()
    targets.set('a', files(1)).set('b', files(1))
    await endpoints.start()
    const gate = models.hold(2)
    const moved = move(2, 'a', 'b')
    await soon(() => models.loads).toEqual(['a 1', 'b 1', 'a 2', 'b 2'])
    expect([models.answering.get('a'), models.answering.get('b')]).toEqual([1, 1])
    gate.resolve()
    await moved
    expect([models.answering.get('a'), models.answering.get('b')]).toEqual([2, 2])
    expect(checked.toSorted((a, b) => a - b)).toEqual([1, 1, 2, 2])
  })

  it('back to a version in memory takes neither a load nor a check', async () => {
    const { endpoints, models, targets, checked, move } = open()
    targets.set('a', files(1))
    await endpoints.start()
    await move(2, 'a')
    await move(1, 'a')
    expect([models.loads, checked, models.answering.get('a')]).toEqual([['a 1', 'a 2'], [1, 2], 1])
  })

  it('is given up for all when one of them fails', async () => {
    const { endpoints, models, targets, move } = open()
    targets.set('a', files(1)).set('b', files(1))
    await endpoints.start()
    models.hold(2).reject(new Error('no weights'))
    await expect(move(2, 'a', 'b')).rejects.toThrow('no weights')
    expect([models.answering.get('a'), models.answering.get('b')]).toEqual([1, 1])
    models.gates.clear()
    await move(3, 'a', 'b')
    expect(models.answering.get('b')).toBe(3)
  })

  it('refuses another one meanwhile, but not one that only follows, which gives way', async () => {
    const { endpoints, models, targets, clock, move } = open()
    targets.set('a', files(1))
    await endpoints.start()
    const gate = models.hold(2)
    const first = move(2, 'a')
    await soon(() => models.loads.at(-1)).toBe('a 2')
    await expect(move(3, 'a')).rejects.toMatchObject({ code: 'conflict' })
    gate.resolve()
    await first
    // Another server moves it to a version that never ends to load here; who moves it on here doesn't wait for that.
    models.hold(4)
    targets.set('a', files(4))
    await clock.advance(500)
    await soon(() => models.loads.at(-1)).toBe('a 4')
    await move(5, 'a')
    expect(models.answering.get('a')).toBe(5)
  })

  it('is held up by an incumbent that was only unloaded to make room', async () => {
    const { endpoints, models, targets, move } = open()
    targets.set('a', files(1))
    await endpoints.start()
    models.memory.delete('a')
    models.evicted.add('a')
    models.hold(2).reject(new Error('no weights'))
    await expect(move(2, 'a')).rejects.toThrow('no weights')
    // Where nothing ever served, a move that may mend it is not held up.
    targets.set('broken', files(2))
    await move(2, 'broken')
  })

  it('that is made later than it waits for is made up for', async () => {
    const { endpoints, models, targets, clock } = open()
    targets.set('a', files(1))
    await endpoints.start()
    const prepared = await endpoints.prepare([{ endpoint: 'a', files: files(2), isNew: false }])
    await clock.advance(31_000)
    expect(models.answering.get('a')).toBe(1)
    targets.set('a', files(2))
    await prepared.settle(true)
    expect(models.answering.get('a')).toBe(2)
  })

  it('waits for the slowest of several without giving the others up', async () => {
    const { endpoints, models, targets, clock, move } = open()
    targets.set('a', files(1)).set('b', files(1))
    await endpoints.start()
    const held = models.change
    const slow = Promise.withResolvers<void>()
    models.change = async (name, change) => {
      if (name === 'b') await slow.promise
      return held(name, change)
    }
    const moved = move(2, 'a', 'b')
    await soon(() => models.loads.at(-1)).toBe('a 2')
    await clock.advance(120_000)
    slow.resolve()
    await moved
    expect([models.answering.get('a'), models.answering.get('b')]).toEqual([2, 2])
  })
})

describe('following other servers', () => {
  it('one endpoint that is slow holds up no other', async () => {
    const { endpoints, models, targets, clock } = open()
    targets.set('a', files(1)).set('b', files(1))
    await endpoints.start()
    models.hold(2)
    targets.set('a', files(2))
    await clock.advance(500)
    await soon(() => models.loads.at(-1)).toBe('a 2')
    targets.set('b', files(3))
    await clock.advance(500)
    await soon(() => models.answering.get('b')).toBe(3)
    expect(models.answering.get('a')).toBe(1)
  })

  it('what fails is tried again less and less often, something newer at once', async () => {
    const { endpoints, models, targets, clock, placed, written } = open()
    targets.set('a', files(1))
    await endpoints.start()
    models.hold(2).reject(new Error('no weights'))
    targets.set('a', files(2))
    const triedAt: number[] = []
    const tries = (): number => placed.filter((version) => version === 2).length
    while (triedAt.length < 4) {
      await clock.advance(500)
      const ended = written.length
      await endpoints.changed()
      await new Promise<void>((resolve) => setImmediate(resolve))
      if (tries() === triedAt.length) continue
      triedAt.push(clock.now())
      await soon(() => written.length).toBeGreaterThan(ended)
    }
    const pauses = triedAt.slice(1).map((time, index) => time - (triedAt[index] ?? 0))
    expect(pauses.every((pause) => pause <= 60_000)).toBe(true)
    expect(triedAt[3]).toBeGreaterThan(500 * 4)
    targets.set('a', files(3))
    await clock.advance(500)
    await soon(() => models.answering.get('a')).toBe(3)
  })

  it('an endpoint that is deleted goes, also while it loads', async () => {
    const { endpoints, models, targets, clock, written } = open()
    targets.set('a', files(1)).set('b', files(1))
    await endpoints.start()
    models.hold(2)
    targets.set('a', files(2))
    await clock.advance(500)
    await soon(() => models.loads.at(-1)).toBe('a 2')
    targets.delete('a')
    await endpoints.changed()
    expect([models.answering.get('a'), models.answering.get('b')]).toEqual([undefined, 1])
    expect(written.at(-1)?.map(({ name }) => name)).toEqual(['b'])
  })

  it('an answer that was on its way during a move is not followed', async () => {
    const { endpoints, models, targets, move } = open()
    targets.set('a', files(1))
    await endpoints.start()
    await move(2, 'a')
    const stale = endpoints.changed()
    await Promise.all([stale, move(3, 'a')])
    await endpoints.changed()
    expect(models.answering.get('a')).toBe(3)
  })

  it('is said once when the registry is away, and goes on when it is back', async () => {
    const { endpoints, models, targets, clock, log, away } = open()
    targets.set('a', files(1))
    await endpoints.start()
    away(true)
    await clock.advance(5000)
    await expect(endpoints.changed()).resolves.toBeUndefined()
    expect(log.filter((event) => event === 'endpoints.registry_away')).toHaveLength(1)
    expect(models.answering.get('a')).toBe(1)
    away(false)
    targets.set('a', files(2))
    await clock.advance(500)
    await soon(() => models.answering.get('a')).toBe(2)
  })
})
