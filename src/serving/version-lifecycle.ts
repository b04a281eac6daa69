import { reasonOf } from '../lib/index.ts'
import type { Logger } from '../lib/index.ts'
import { AppError, fail } from '../protocol/index.ts'
import type { FreshVersion } from './fresh-version.ts'
import { configOf, loadedFrom } from './load-facts.ts'
import type { LoadTurns } from './load-turns.ts'
import { bytesToExpect } from './memory-budget.ts'
import type { MemoryKeeper } from './memory-keeper.ts'
import type { ModelConfig } from './model-config/model-config.ts'
import type { ModelEntry, VersionSlot } from './model-entry.ts'
import type { FoundModel, FoundVersion } from './model-source.ts'
import type { ServedVersion, VersionOrder } from './served-version.ts'
import type { ServingEvents } from './serving-events.ts'

export interface VersionLifecycleOptions {
  readonly logger: Logger
  readonly events: ServingEvents
  readonly memory: MemoryKeeper
  readonly loads: LoadTurns
  openVersion(order: VersionOrder): ServedVersion
}

/** What is opened: a version as it was found, with the configuration that holds for its model. */
export interface OpenOrder {
  readonly found: FoundVersion
  readonly model: FoundModel
  readonly config: ModelConfig | undefined
  /** Whether other models may be unloaded to make room. */
  readonly unloads: boolean
  /** Whether requests wait for it. */
  readonly awaited: boolean
  /** Ends the load. */
  readonly signal?: AbortSignal | undefined
}

/** How versions of models start, serve and end. It knows every version that has hosts. */
export class VersionLifecycle {
  readonly #options: VersionLifecycleOptions
  /** Being started, serving, or still with requests inside. */
  readonly #living = new Set<ServedVersion>()
  /** Those that end once their requests have. */
  readonly #leaving = new Set<Promise<void>>()
  #closing = false

  constructor(options: VersionLifecycleOptions) {
    this.#options = options
  }

  get isClosing(): boolean {
    return this.#closing
  }

  /** Loads a version; undefined when it is left to be loaded on demand. */
  async open(entry: ModelEntry, order: OpenOrder): Promise<FreshVersion | undefined> {
    const { found, model, config, awaited, signal } = order
    const slot = entry.slot(found.version)
    const { loads, memory } = this.#options
    const from = loadedFrom(found, configOf(found, config))
    if (slot.current === undefined) this.#state(entry, slot, 'loading', '')
    let release: (() => void) | undefined
    const version = this.#options.openVersion({
      model: entry.name,
      found,
      config: configOf(found, config),
      directory: model.directory,
    })
    this.#living.add(version)
    const callOff = (): void => void version.end('another change came first')
    signal?.addEventListener('abort', callOff, { once: true })
    try {
      signal?.throwIfAborted()
      // Why: before its turn, since making an interpreter may take minutes, in which others can load.
      await version.prepare((text) => {
        if (slot.current === undefined) slot.reason = text
      })
      return await loads.run({ model: entry.name, awaited }, async () => {
        if (this.#closing) throw fail('shutting_down', {})
        const lastBytes = slot.lastMemory?.from === from ? slot.lastMemory.bytes : undefined
        release = await memory.reserve({ version, lastBytes, unloads: order.unloads })
        if (release === undefined) {
          entry.mark(slot, { onDemand: true, failed: false })
          this.#state(entry, slot, 'unavailable', 'the memory budget is used; the next request loads it')
          this.#living.delete(version)
          return undefined
        }
        await version.start()
        if (this.#closing) throw fail('shutting_down', {})
        return { slot, found, version, release }
      })
    } catch (error) {
      release?.()
      await this.#drain(version, 'its load failed')
      const reason = reasonOf(error)
      if (!this.#closing) entry.mark(slot, { failed: !isWantOfRoom(error) })
      if (slot.current === undefined) this.#state(entry, slot, 'unavailable', reason)
      else slot.reason = reason
      throw error
    } finally {
      signal?.removeEventListener('abort', callOff)
    }
  }

  /** Has a version answer in place of the one before, which ends once its requests have. */
  serve(entry: ModelEntry, { slot, found, version, release }: FreshVersion, config: ModelConfig | undefined): void {
    const { events, logger } = this.#options
    const old = slot.current
    slot.loadedFrom = loadedFrom(found, config)
    const loadedBytes = version.instances.reduce((sum, instance) => sum + instance.memoryBytes, 0)
    slot.lastMemory = { from: slot.loadedFrom, loadedBytes, bytes: loadedBytes }
    slot.onDemand = false
    slot.failed = false
    entry.point(slot, version)
    // The version is counted as resident by now, so its memory is never counted as neither.
    release()
    this.#state(entry, slot, 'ready', '')
    events.versionLoaded(version)
    const { loadMs, graphCached } = version.facts
    logger.info('model.ready', { model: entry.name, version: found.version, loadMs: Math.round(loadMs), graphCached })
    if (old !== undefined) void this.#drain(old, 'replaced by a reload')
  }

  /** Takes what a slot has out of service at once; resolves when its requests have ended. */
  async retire(entry: ModelEntry, slot: VersionSlot, reason: string): Promise<void> {
    const old = slot.current
    if (old === undefined) {
      slot.reason = reason
      return
    }
    entry.point(slot, undefined)
    slot.loadedFrom = ''
    this.#state(entry, slot, 'unloading', reason)
    await this.#drain(old, reason)
    if (slot.current !== undefined) return
    if (slot.state === 'unloading') this.#state(entry, slot, 'unavailable', reason)
    // Its metrics are kept as long as the version is known, so that counters don't start over.
    const isKnown = !entry.isForgotten && entry.versions.get(slot.version) === slot
    if (!isKnown) this.#options.events.versionGone(entry.name, slot.version)
  }

  /** Takes a version out of service to make room, until a request brings it back; resolves when its hosts have ended. */
  evict(entry: ModelEntry, slot: VersionSlot, bytes: number): Promise<void> {
    const { lastMemory } = slot
    if (lastMemory !== undefined) {
      const { loadedBytes } = lastMemory
      slot.lastMemory = { ...lastMemory, bytes: bytesToExpect(loadedBytes, bytes, this.#options.memory.budgetBytes) }
    }
    slot.onDemand = true
    return this.retire(entry, slot, 'unloaded to make room; the next request loads it')
  }

  /** Resolves when what is being taken out of service now has ended. */
  async leaving(): Promise<void> {
    await Promise.all(this.#leaving)
  }

  /** Ends a version that is not to serve after all, at once: nobody but those who look at it has asked it anything. */
  async giveUp({ version, release }: FreshVersion): Promise<void> {
    release()
    await version.end('its files were not kept')
    this.#living.delete(version)
  }

  async #drain(version: ServedVersion, reason: string): Promise<void> {
    const left = version.drain(reason)
    this.#leaving.add(left)
    try {
      await left
    } finally {
      this.#leaving.delete(left)
      this.#living.delete(version)
    }
  }

  #state(entry: ModelEntry, slot: VersionSlot, state: VersionSlot['state'], reason: string): void {
    slot.state = state
    slot.reason = reason
    this.#options.events.versionState(entry.name, slot.version, state)
  }

  /** Ends every version at once: whoever closes the server lets requests finish before. */
  async close(): Promise<void> {
    this.#closing = true
    await Promise.all([...this.#living].map((version) => version.end('the server is shutting down')))
  }
}

/** Whether a load failed for nothing but want of memory. */
export const isWantOfRoom = (error: unknown): boolean =>
  error instanceof AppError && error.code === 'memory_budget_exceeded'
