import { createHash } from 'node:crypto'
import { statfs } from 'node:fs/promises'
import type { GraphReport, LoadOrder, LoadReport } from '../../host/index.ts'
import { graphContext } from '../../host/index.ts'
import type { Clock, Logger } from '../../lib/index.ts'
import { reasonOf, Semaphore } from '../../lib/index.ts'
import type { HostLink } from '../host-link.ts'
import type { GraphEntry } from './graph-folder.ts'
import { GraphFolder } from './graph-folder.ts'
import type { SourceFile } from './source-file.ts'
import { digestOf, lookAt, settledMs } from './source-file.ts'

export interface GraphCacheOptions {
  readonly folder: string
  /** Bytes of all graphs together; 0 for no cache. */
  readonly bytesMax: number
  readonly loadTimeoutMs: number
  readonly clock: Clock
  readonly logger: Logger
  /** Bytes that processes may still take here. */
  availableMemory(): number
  /** Reserves memory for a host that takes this beside its runtime, until the result is called; undefined without room. */
  makeRoom(bytes: number): Promise<(() => void) | undefined>
  /** A host of the lowest priority, to write a graph in. */
  openHost(): HostLink
}

/** How the cache did since the start of the server. */
export interface GraphFigures {
  /** Loads from a kept graph. */
  readonly hits: number
  /** Loads of files that may have one and had none that worked. */
  readonly misses: number
  /** Of all graphs that are kept. */
  readonly bytes: number
}

/** What the cache has for a load. */
export interface GraphUse {
  readonly order: LoadOrder
  /** The graph that the order names. */
  readonly entry?: GraphEntry
  /** The order's file, when its graph should be looked for, or written, once the model serves. */
  readonly missing?: SourceFile
}

/** Smaller ones load within milliseconds. */
const bytesMin = 1024 ** 2
/** Larger ones are dominated by their weights, and writing their graph would take much memory. */
const bytesMax = 128 * 1024 ** 2
/** Free space that a graph may need, in sizes of its source. */
const diskFactor = 2
/** What the writer takes, in sizes of its source. */
const writerFactor = 6
/** Memory that must be free for it. */
const memoryFactor = 2 * writerFactor
const triedMax = 1000
/** A timer may come a little before its time. */
const slackMs = 10
/** What a graph must save of the making of a session: less is within what measuring it is off by. */
const gainMin = { share: 0.25, cpuMs: 10 }

/**
 * Optimised graphs of ONNX files, so that a file that was loaded before loads faster. The server alone names entries,
 * after what it read itself: a host is given one file to read, or a fresh one to write, and a host that writes runs
 * nothing else. Nothing in here makes a load fail.
 */
export class GraphCache {
  readonly #options: GraphCacheOptions
  readonly #folder: GraphFolder
  /** One writer at a time, whatever is loaded. */
  readonly #writers = new Semaphore(1)
  /** Marks of files whose graph is being written, or couldn't be; forgotten when they become many. */
  readonly #tried = new Set<string>()
  #usable: boolean
  #writable = true
  #writer: HostLink | undefined
  #closed = false
  #hits = 0
  #misses = 0

  constructor(options: GraphCacheOptions) {
    this.#options = options
    this.#folder = new GraphFolder(options)
    this.#usable = options.bytesMax > 0
  }

  get figures(): GraphFigures {
    return { hits: this.#hits, misses: this.#misses, bytes: this.#folder.bytes }
  }

  async open(): Promise<void> {
    if (this.#usable) await this.#folder.open().catch((error: unknown) => this.#giveUp(error))
  }

  /**
   * Adds the graph of its file to an order, where there is one. A file that was not seen before is only read now when
   * a graph of a file of its size is kept: a first load is not to become slower.
   */
  async find(order: LoadOrder): Promise<GraphUse> {
    if (!this.#usable || order.engine !== 'onnx') return { order }
    try {
      const source = await lookAt(order.path)
      if (source === undefined || source.bytes < bytesMin || source.bytes > bytesMax) return { order }
      const known = await this.#folder.findDigest(source.mark)
      if (known === undefined && !(await this.#folder.hasGraphOf(source.bytes))) return { order, missing: source }
      const sha256 = known ?? (await this.#readDigest(order.path, source))
      if (sha256 === undefined) return { order }
      const found = await this.#folder.find(keyOf(sha256, order), (reason) => this.#logDropped(order, reason))
      if (found === 'none') return { order }
      if (found === undefined) return { order, missing: source }
      return { order: { ...order, graph: { read: found.path } }, entry: found }
    } catch (error) {
      this.#giveUp(error)
      return { order }
    }
  }

  /** Told of every load that `find` was asked for: drops a graph that didn't work. */
  async loaded({ order, entry, missing }: GraphUse, { graph }: LoadReport): Promise<void> {
    if (missing !== undefined) this.#misses += 1
    if (entry === undefined) return
    if (graph?.kind === 'read') {
      this.#hits += 1
      return
    }
    await this.drop(order, entry, graph?.kind === 'refused' ? graph.reason : 'the host did not use it')
  }

  /** Also for a load from a graph that failed. */
  async drop(order: LoadOrder, entry: GraphEntry, reason: string): Promise<void> {
    this.#misses += 1
    this.#logDropped(order, reason)
    await this.#folder.drop(entry).catch((error: unknown) => this.#giveUp(error))
  }

  /**
   * Finds out in the background which graph a file has, and writes it when there is none. `order` tells where the file
   * is by then; undefined when it is unloaded.
   */
  learn(source: SourceFile, order: () => LoadOrder | undefined): void {
    const { clock } = this.#options
    if (this.#tried.size === triedMax) this.#tried.clear()
    if (this.#tried.has(source.mark)) return
    this.#tried.add(source.mark)
    const learnNow = async (): Promise<void> => {
      const now = order()
      const isAsked = now !== undefined && this.#usable && this.#writable && !this.#closed
      try {
        if (isAsked) await this.#learn(source, now)
        this.#tried.delete(source.mark)
      } catch (error) {
        if (isAsked && !this.#isClosed()) this.#notKept(now, error)
      }
    }
    const afterMs = source.changedMs + settledMs - clock.wallMs()
    clock.setTimer(() => void this.#writers.run(learnNow), Math.min(Math.max(0, afterMs), settledMs) + slackMs)
  }

  /** Ends the writer. */
  async close(): Promise<void> {
    this.#closed = true
    this.#writer?.kill('the server stops')
    await this.idle()
  }

  /** Settles once everything that was to be written by now is, or couldn't be. */
  async idle(): Promise<void> {
    await this.#writers.run(() => Promise.resolve())
  }

  // Why a method: the state changes during an await, which narrowing doesn't see.
  #isClosed(): boolean {
    return this.#closed
  }

  /** The digest of a file, which is remembered once its mark tells of every change. */
  async #readDigest(path: string, source: SourceFile): Promise<string | undefined> {
    const isSettled = this.#isSettled(source)
    const sha256 = await digestOf(path, source)
    if (sha256 !== undefined && isSettled) await this.#folder.keepDigest(source.mark, sha256)
    return sha256
  }

  #isSettled({ changedMs }: SourceFile): boolean {
    return this.#options.clock.wallMs() - changedMs >= settledMs
  }

  async #learn(source: SourceFile, order: LoadOrder): Promise<void> {
    // Why: until then, a file could be changed and changed back while its graph is written.
    if (!this.#isSettled(source)) return
    const sha256 = (await this.#folder.findDigest(source.mark)) ?? (await this.#readDigest(order.path, source))
    if (sha256 === undefined) return
    const key = keyOf(sha256, order)
    if ((await this.#folder.find(key, (reason) => this.#logDropped(order, reason))) !== undefined) return
    await this.#write(key, source, order)
  }

  async #write(key: string, source: SourceFile, order: LoadOrder): Promise<void> {
    const { folder } = this.#options
    if (this.#options.availableMemory() < memoryFactor * source.bytes) throw new Error('little memory is free')
    const disk = await statfs(folder)
    if (disk.bavail * disk.bsize < diskFactor * source.bytes)
      throw Object.assign(new Error('the disk is full'), { code: 'ENOSPC' })
    const release = await this.#options.makeRoom(writerFactor * source.bytes)
    if (release === undefined) throw new Error('the memory budget is used')
    try {
      await this.#writeInRoom(key, source, order)
    } finally {
      release()
    }
  }

  async #writeInRoom(key: string, source: SourceFile, order: LoadOrder): Promise<void> {
    const file = await this.#folder.newFile()
    try {
      const report = await this.#writeIn({ ...order, graph: { write: file.path } })
      // Why: the host read the file after the server; what it read must be what the key was made of.
      if ((await lookAt(order.path))?.mark !== source.mark) throw new Error('its file changed meanwhile')
      const isKept = gains(report) && (await this.#folder.keep(key, source.bytes, file.path))
      if (!isKept) await this.#folder.keepNone(key)
      const { model, version } = order
      this.#options.logger.info('graph_cache.written', { model, version, kept: isKept, ...timesOf(report) })
    } finally {
      await file.discard()
    }
  }

  async #writeIn(order: LoadOrder): Promise<GraphReport | undefined> {
    if (this.#isClosed()) throw new Error('the server stops')
    const { clock, loadTimeoutMs, openHost } = this.#options
    const host = openHost()
    this.#writer = host
    const watchdog = clock.setTimer(() => host.kill(`it took longer than ${loadTimeoutMs} ms`), loadTimeoutMs)
    try {
      return (await host.load(order)).graph
    } finally {
      watchdog.cancel()
      this.#writer = undefined
      host.kill('it has written')
      await host.exited
    }
  }

  #logDropped({ model, version }: LoadOrder, reason: string): void {
    this.#options.logger.warn('graph_cache.dropped', { model, version, reason })
  }

  /** A folder that takes no file is not tried again; what a host says is about the one model. */
  #notKept({ model, version }: LoadOrder, error: unknown): void {
    if (typeof (error as NodeJS.ErrnoException).code !== 'string') {
      this.#options.logger.warn('graph_cache.not_kept', { model, version, reason: textOf(error) })
      return
    }
    this.#logUnavailable(error)
    this.#writable = false
  }

  /** Goes on without the cache. */
  #giveUp(error: unknown): void {
    this.#logUnavailable(error)
    this.#usable = false
  }

  /** Once, whatever else fails for the same reason. */
  #logUnavailable(error: unknown): void {
    const { folder, logger } = this.#options
    if (this.#usable && this.#writable) logger.warn('graph_cache.unavailable', { folder, reason: textOf(error) })
  }
}

const textOf = (error: unknown): string => reasonOf(error)

/** The whole file, and everything else that its graph depends on. */
const keyOf = (sha256: string, { options }: LoadOrder): string =>
  createHash('sha256').update(sha256).update(graphContext(options)).digest('hex')

const gains = (report: GraphReport | undefined): boolean => {
  if (report?.kind !== 'written') return false
  const saved = report.sourceMs - report.graphMs
  return saved >= gainMin.cpuMs && saved >= gainMin.share * report.sourceMs
}

const timesOf = (report: GraphReport | undefined): { sourceMs?: number; graphMs?: number } =>
  report?.kind === 'written' ? { sourceMs: Math.round(report.sourceMs), graphMs: Math.round(report.graphMs) } : {}
