import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { GraphReport, LoadOrder, LoadReport } from '../../host/index.ts'
import type { Logger } from '../../lib/index.ts'
import { silentLogger } from '../../lib/index.ts'
import { VirtualClock } from '../../testing/virtual-clock.ts'
import { HostGone } from '../host-process.ts'
import type { HostLink } from '../host-link.ts'
import { ModelInstance } from '../model-instance.ts'
import { GraphCache } from './graph-cache.ts'

const mebibyte = 1024 ** 2

let root: string
let events: string[]
let clock: VirtualClock

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'slipway-cache-'))
  events = []
  // Why: a file is written after this, on a busy machine much later, and is not to come from the future.
  clock = new VirtualClock({ wallMs: Date.now() + 1000 })
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

const logger: Logger = {
  ...silentLogger,
  info: (event, fields) => void events.push(`${event} ${String(fields?.['kept'])}`),
  warn: (event, fields) => void events.push(`${event} ${String(fields?.['reason'])}`),
}

const reportOf = (graph: GraphReport | undefined): LoadReport => ({
  signature: { inputs: [], outputs: [] },
  metadata: {},
  memoryBytes: 1,
  runtime: 'test',
  ...(graph === undefined ? {} : { graph }),
})

/** A host whose loads do as `load` says. */
const hostOf = (load: (order: LoadOrder) => GraphReport | undefined): HostLink => {
  const exited = Promise.withResolvers<string>()
  return {
    pids: [],
    exited: exited.promise,
    load: async (order) => reportOf(load(order)),
    run: () => Promise.reject(new Error('not asked for')),
    kill: (reason) => exited.resolve(reason),
    close: async () => exited.resolve('closed'),
  }
}

const written = { kind: 'written', sourceMs: 100, graphMs: 40 } as const

/** What a host does that is told to write. */
const writes =
  (report: GraphReport = written) =>
  ({ graph }: LoadOrder): GraphReport => {
    if (graph !== undefined && 'write' in graph) writeFileSync(graph.write, 'a graph')
    return report
  }

const cacheOf = async (
  load: (order: LoadOrder) => GraphReport | undefined = writes(),
  { bytesMax = mebibyte, availableMemory = Infinity } = {},
): Promise<GraphCache> => {
  const folder = join(root, 'graphs')
  const cache = new GraphCache({
    folder,
    bytesMax,
    loadTimeoutMs: 1000,
    clock,
    logger,
    availableMemory: () => availableMemory,
    makeRoom: async () => () => {},
    openHost: () => hostOf(load),
  })
  await cache.open()
  return cache
}

const orderOf = (content: string, bytes = mebibyte, options: Record<string, string> = {}): LoadOrder => {
  const path = join(mkdtempSync(join(root, 'model-')), 'model.onnx')
  writeFileSync(path, Buffer.alloc(bytes, content))
  return { model: 'm', version: '1', engine: 'onnx', path, options }
}

const entries = (): string[] => readdirSync(join(root, 'graphs')).filter((name) => !name.endsWith('.source'))

/** How many files' digests are remembered. */
const digests = (): number => readdirSync(join(root, 'graphs')).filter((name) => name.endsWith('.source')).length

/** Finds the graph, and has it written when it is missing. */
const learn = async (cache: GraphCache, order: LoadOrder): Promise<void> => {
  const { missing } = await cache.find(order)
  if (missing === undefined) throw new Error('nothing is missing')
  cache.learn(missing, () => order)
  await idle(cache)
}

/** Files are left alone for some time before they are read. */
const idle = async (cache: GraphCache): Promise<void> => {
  await clock.advance(3000)
  await cache.idle()
}

describe('the cache of graphs', () => {
  it('finds the graph of the same bytes wherever they lie, and of no others', async () => {
    const cache = await cacheOf()
    await learn(cache, orderOf('a'))
    expect(events).toEqual(['graph_cache.written true'])
    const { order, entry, missing } = await (await cacheOf()).find(orderOf('a'))
    expect([order.graph, missing]).toEqual([{ read: entry?.path }, undefined])
    expect((await cache.find(orderOf('b'))).entry).toBeUndefined()
    expect((await cache.find(orderOf('a', mebibyte, { graph_optimization_level: '1' }))).entry).toBeUndefined()
  })

  it('counts loads from a graph, loads without one that there might be, and the bytes of all', async () => {
    const cache = await cacheOf()
    const load = async (order: LoadOrder, kind: 'read' | 'refused' | undefined): Promise<void> => {
      const graph = kind === 'refused' ? ({ kind, reason: 'damaged' } as const) : kind && { kind }
      await cache.loaded(await cache.find(order), reportOf(graph))
    }
    const order = orderOf('a')
    await load(order, undefined)
    expect(cache.figures).toEqual({ hits: 0, misses: 1, bytes: 0 })
    await learn(cache, order)
    await load(order, 'read')
    expect(cache.figures).toEqual({ hits: 1, misses: 1, bytes: 'a graph'.length })
    await load(orderOf('small', 10), undefined)
    await load(order, 'refused')
    expect(cache.figures).toEqual({ hits: 1, misses: 2, bytes: 0 })
  })

  it('reads a file before its first load only when a graph of a file of its size is kept', async () => {
    const cache = await cacheOf()
    const [first, unlike, twin] = [orderOf('a'), orderOf('a', mebibyte + 1), orderOf('a')]
    await learn(cache, first)
    const reads = async (order: LoadOrder): Promise<boolean> => {
      const before = digests()
      await cache.find(order)
      return digests() > before
    }
    expect([await reads(unlike), await reads(twin), await reads(twin), await reads(first)]).toEqual([
      false,
      true,
      false,
      false,
    ])
  })

  it("doesn't remember the digest of a file that changed just now", async () => {
    const cache = await cacheOf()
    await learn(cache, orderOf('a'))
    const before = digests()
    // Why: a file is written after this, on a busy machine much later, and is not to come from the future.
    clock = new VirtualClock({ wallMs: Date.now() + 1000 })
    const { entry } = await (await cacheOf()).find(orderOf('a'))
    expect([entry === undefined, digests() - before]).toEqual([false, 0])
  })

  it('has one graph for two files of the same bytes', async () => {
    const cache = await cacheOf()
    const orders = [orderOf('a'), orderOf('a')]
    const found = await Promise.all(orders.map((order) => cache.find(order)))
    found.forEach(({ missing }, at) => {
      if (missing !== undefined) cache.learn(missing, () => orders[at])
    })
    await idle(cache)
    expect(events).toEqual(['graph_cache.written true'])
  })

  it.each<[string, () => LoadOrder]>([
    ['small', () => orderOf('a', mebibyte - 1)],
    ['of another engine', () => ({ ...orderOf('a'), engine: 'js' })],
    ['not there', () => ({ ...orderOf('a'), path: join(root, 'nothing') })],
  ])('asks nothing of a model that is %s', async (_, order) => {
    const given = order()
    expect(await (await cacheOf()).find(given)).toEqual({ order: given })
  })

  it('that may keep nothing makes no folder', async () => {
    const order = orderOf('a')
    expect(await (await cacheOf(writes(), { bytesMax: 0 })).find(order)).toEqual({ order })
    expect(readdirSync(root)).not.toContain('graphs')
  })

  it.each([
    ['too little', { kind: 'written', sourceMs: 100, graphMs: 80 }],
    ['too short', { kind: 'written', sourceMs: 12, graphMs: 3 }],
    ['refused', { kind: 'refused', reason: 'its weights lie in other files' }],
  ] as const)('remembers that a graph gains nothing: %s', async (_, report) => {
    const cache = await cacheOf(writes(report))
    const order = orderOf('a')
    await learn(cache, order)
    expect(events).toEqual(['graph_cache.written false'])
    expect(await cache.find(order)).toEqual({ order })
  })

  it('keeps nothing of a file that changed while its graph was written', async () => {
    const order = orderOf('a')
    const cache = await cacheOf((given) => {
      writeFileSync(order.path, Buffer.alloc(mebibyte, 'b'))
      return writes()(given)
    })
    await learn(cache, order)
    expect(events).toEqual(['graph_cache.not_kept its file changed meanwhile'])
    expect(entries()).toEqual([])
  })

  it("doesn't try again what failed, and leaves nothing of it", async () => {
    const cache = await cacheOf(() => {
      throw new HostGone('ended by SIGSEGV')
    })
    const order = orderOf('a')
    await learn(cache, order)
    await learn(cache, order)
    expect(events).toEqual(['graph_cache.not_kept ended by SIGSEGV'])
    expect(entries()).toEqual([])
  })

  it('writes nothing while little memory is free', async () => {
    const cache = await cacheOf(writes(), { availableMemory: 12 * mebibyte - 1 })
    await learn(cache, orderOf('a'))
    expect(events).toEqual(['graph_cache.not_kept little memory is free'])
    expect(entries()).toEqual([])
  })

  it('goes on without a folder, and says so once', async () => {
    writeFileSync(join(root, 'graphs'), '')
    const cache = await cacheOf()
    const order = orderOf('a')
    expect([await cache.find(order), await cache.find(order)]).toEqual([{ order }, { order }])
    expect(events).toEqual([expect.stringMatching(/^graph_cache.unavailable (EEXIST|ENOTDIR)/)])
  })

  it('goes on without a folder that goes away, and says so once', async () => {
    const cache = await cacheOf(() => {
      rmSync(join(root, 'graphs'), { recursive: true })
      return written
    })
    await learn(cache, orderOf('a'))
    const order = orderOf('b')
    expect((await cache.find(order)).entry).toBeUndefined()
    await cache.find(order)
    expect(events.map((event) => event.split(' ')[0])).toEqual(['graph_cache.unavailable'])
  })

  it('ends the writer when it closes', async () => {
    const cache = await cacheOf(() => undefined)
    const { missing } = await cache.find(orderOf('a'))
    if (missing !== undefined) cache.learn(missing, () => orderOf('a'))
    await cache.close()
    await idle(cache)
    expect(events).toEqual([])
    expect(readdirSync(join(root, 'graphs'))).toEqual([])
  })
})

describe('an instance that loads with a graph', () => {
  const instanceOf = (graphs: GraphCache, order: LoadOrder, load: (order: LoadOrder) => GraphReport | undefined) =>
    new ModelInstance({
      order,
      clock,
      logger,
      loadTimeoutMs: 1000,
      runTimeoutMs: 1000,
      abandonedRunTimeoutMs: 1000,
      graphs,
      openHost: () => hostOf(load),
      onCrash: () => ({ kind: 'quarantine', recent: [] }),
    })

  it('takes the file itself when the graph takes its host down, and drops the graph', async () => {
    const cache = await cacheOf()
    const order = orderOf('a')
    await learn(cache, order)
    const loads: string[] = []
    const instance = instanceOf(cache, order, ({ graph }) => {
      loads.push(graph === undefined ? 'file' : 'graph')
      if (graph !== undefined) throw new HostGone('ended by SIGSEGV')
      return undefined
    })
    await instance.start()
    expect(loads).toEqual(['graph', 'file'])
    expect(events).toEqual(['graph_cache.written true', 'graph_cache.dropped ended by SIGSEGV'])
    expect((await cache.find(order)).entry).toBeUndefined()
  })

  it('drops a graph that its host refused', async () => {
    const cache = await cacheOf()
    const order = orderOf('a')
    await learn(cache, order)
    await instanceOf(cache, order, () => ({ kind: 'refused', reason: 'it is damaged' })).start()
    expect(events).toEqual(['graph_cache.written true', 'graph_cache.dropped it is damaged'])
    expect((await cache.find(order)).entry).toBeUndefined()
  })

  it('has a missing graph written', async () => {
    const cache = await cacheOf()
    const order = orderOf('a')
    await instanceOf(cache, order, () => undefined).start()
    await idle(cache)
    expect((await cache.find(order)).entry).toBeDefined()
  })
})
