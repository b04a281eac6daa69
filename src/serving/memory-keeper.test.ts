import { describe, expect, it } from 'vitest'
import { AppError } from '../protocol/index.ts'
import { MemoryKeeper } from './memory-keeper.ts'
import type { MemoryUse, ServedResident } from './memory-keeper.ts'
import type { ServedVersion } from './served-version.ts'

const mebibyte = 1024 ** 2

interface Facts {
  readonly bytes: number
  readonly lastUsedMs: number
  readonly busy?: boolean
}

/** A keeper over versions by name; those that are evicted stay until `left` is called. */
const open = (budgetBytes: number, serving: Readonly<Record<string, Facts>> = {}) => {
  const versions = new Map<string, ServedVersion>()
  const versionOf = (model: string, instanceCount = 1): ServedVersion => {
    const version =
      versions.get(model) ??
      ({ model, found: { directory: '/no/such/folder' }, engines: ['js'], instanceCount, instances: [] } as never)
    versions.set(model, version)
    return version
  }
  const residents = new Map<string, ServedResident>()
  for (const [model, { busy = false, ...facts }] of Object.entries(serving))
    residents.set(model, { served: versionOf(model), model, version: 1, busy, ...facts })
  const bytes = new Map<ServedVersion | undefined, number>()
  for (const { served, bytes: taken } of residents.values()) bytes.set(served, taken)
  const evicted: string[] = []
  const overruns: unknown[] = []
  const gone = Promise.withResolvers<void>()
  const use: MemoryUse = {
    residents: () => [...residents.values()],
    bytesByVersion: () => bytes,
    usedBytes: () => [...bytes.values()].reduce((sum, each) => sum + each, 0),
  }
  const keeper = new MemoryKeeper({
    budgetBytes,
    logger: { debug() {}, info() {}, error() {}, warn: (event) => void overruns.push(event) },
    use: () => use,
    evict: ({ model, served }) => {
      evicted.push(model)
      residents.delete(model)
      return gone.promise.then(() => void bytes.delete(served))
    },
    leaving: () => gone.promise,
  })
  const reserve = (model: string, lastBytes?: number, unloads = true): Promise<(() => void) | undefined> =>
    keeper.reserve({ version: versionOf(model), lastBytes, unloads })
  return { keeper, versionOf, reserve, evicted, overruns, bytes, left: () => gone.resolve() }
}

const codeOf = (reserved: Promise<unknown>): Promise<unknown> =>
  reserved.then(
    () => 'reserved',
    (error: unknown) => (error instanceof AppError ? error.code : error),
  )

describe('room for a load', () => {
  it('is taken from the moment it is granted until it is given back', async () => {
    const { reserve } = open(100)
    const release = await reserve('a', 60)
    expect(await codeOf(reserve('b', 60))).toBe('memory_budget_exceeded')
    expect(await reserve('b', 60, false)).toBeUndefined()
    release?.()
    expect(await codeOf(reserve('b', 60))).toBe('reserved')
  })

  it('is there only when what makes way has ended', async () => {
    const { reserve, evicted, left } = open(100, { old: { bytes: 60, lastUsedMs: 1 } })
    let isThere = false
    const reserved = reserve('new', 60).then(() => (isThere = true))
    await expect.poll(() => evicted).toEqual(['old'])
    expect(isThere).toBe(false)
    left()
    expect(await reserved).toBe(true)
  })

  it('is never that of what is in use', async () => {
    const { reserve, evicted } = open(100, { busy: { bytes: 60, lastUsedMs: 1, busy: true } })
    expect(await codeOf(reserve('new', 60))).toBe('memory_budget_exceeded')
    expect(evicted).toEqual([])
  })

  it('is not made for what is called off meanwhile', async () => {
    const { reserve, versionOf, evicted } = open(100, { idle: { bytes: 60, lastUsedMs: 1 } })
    const reserved = codeOf(reserve('new', 60))
    versionOf('new').unavailable = 'another change came first'
    expect(await reserved).toBe('load_failed')
    expect(evicted).toEqual([])
  })

  it('is asked for every instance of a version that was never loaded', async () => {
    const { keeper, versionOf } = open(300 * mebibyte)
    const six = versionOf('six', 6)
    expect(await codeOf(keeper.reserve({ version: six, lastBytes: undefined, unloads: false }))).toBe(
      'memory_budget_exceeded',
    )
  })
})

describe('room for a second host of what serves', () => {
  const serving = { grown: { bytes: 50, lastUsedMs: 1 }, idle: { bytes: 40, lastUsedMs: 2 } }

  it('is made by others, even if they were used later', async () => {
    const { keeper, versionOf, evicted, left } = open(100, serving)
    left()
    const release = await keeper.makeRoom(versionOf('grown'), 30)
    expect(evicted).toEqual(['idle'])
    release?.()
  })

  it('is not to be had when it does not fit', async () => {
    const { keeper, versionOf, evicted } = open(100, serving)
    expect(await keeper.makeRoom(versionOf('grown'), 60)).toBeUndefined()
    expect(evicted).toEqual([])
  })
})

describe('a budget that is overrun', () => {
  it('is met by unloading, and told once while it can not be', () => {
    const { keeper, evicted, overruns } = open(100, {
      busy: { bytes: 110, lastUsedMs: 1, busy: true },
      idle: { bytes: 20, lastUsedMs: 2 },
      last: { bytes: 20, lastUsedMs: 3 },
    })
    for (let look = 0; look < 3; look++) keeper.enforce()
    expect(evicted).toEqual(['idle'])
    expect(overruns).toEqual(['memory.budget_overrun'])
  })
})
