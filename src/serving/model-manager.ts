import { assert } from '../lib/index.ts'
import type { Clock, Logger, Semaphore } from '../lib/index.ts'
import { fail } from '../protocol/index.ts'
import type { ModelConfig } from './model-config/model-config.ts'
import type { MemoryKeeper } from './memory-keeper.ts'
import { ModelEntry } from './model-entry.ts'
import type { EntryBefore, Patience, VersionSlot } from './model-entry.ts'
import { modelStatus } from './model-status.ts'
import type { ModelStatus } from './model-status.ts'
import type { FreshVersion } from './fresh-version.ts'
import { asLists, configOf, loadedFrom, queueDepthOf } from './load-facts.ts'
import type { FoundModel, FoundVersion, ModelSource } from './model-source.ts'
import { joinSources } from './model-source.ts'
import type { ServedVersion, VersionOrder } from './served-version.ts'
import type { ServingEvents } from './serving-events.ts'
import type { StagedChange, StagedModel } from './staged-change.ts'
import { changeOfFiles, refuseHidden } from './staged-change.ts'
import { wantedVersions } from './version-policy.ts'
import { whyNot } from './why-not.ts'

export interface ManagerOptions {
  /** Model repositories; the first that has a name wins. */
  readonly roots: readonly string[]
  openSource(roots: readonly string[]): ModelSource
  readonly clock: Clock
  readonly logger: Logger
  readonly events: ServingEvents
  readonly memory: MemoryKeeper
  /** Bounds how many versions load at a time. */
  readonly loads: Semaphore
  /** availability: load the new beside the old, then switch. resource: end the old first, for models that fill the memory. */
  readonly swap: 'availability' | 'resource'
  /** Requests that may wait for a model that has no bound of its own. */
  readonly queueDepthMax: number
  openVersion(order: VersionOrder): ServedVersion
}

/** A model as it is being loaded: what was found, and the configuration that holds. */
interface LoadedModel {
  readonly found: FoundModel
  readonly config: ModelConfig | undefined
  readonly manner: LoadManner
}

interface LoadManner {
  /** Whether other models may be unloaded to make room; if not, a model without room is left to be loaded on demand. */
  readonly unloads: boolean
  readonly staged?: StagedChange | undefined
}

const patient: Patience = { deadlineMs: Infinity }

/**
 * Which models and versions are in memory. It brings what is wanted and what is loaded together, never taking a
 * version that serves away before another of the model is ready, unless asked to.
 */
export class ModelManager {
  readonly #options: ManagerOptions
  #source: ModelSource
  readonly #added: ModelSource[] = []
  readonly #entries = new Map<string, ModelEntry>()
  /** What each folder was when it was last brought in line. */
  readonly #polled = new Map<string, string>()
  /** Every version that has hosts: being started, serving, or still with requests inside. */
  readonly #living = new Set<ServedVersion>()
  #closing = false

  constructor(options: ManagerOptions) {
    this.#options = options
    this.#source = options.openSource(options.roots)
  }

  /** The version that serves a request now, if it is in memory. The hot path: no promise, no allocation. */
  get(name: string, version: string | undefined): ServedVersion | undefined {
    const entry = this.#entries.get(name)
    if (entry === undefined) return undefined
    const found = version === undefined || version === '' ? entry.newest : entry.find(version)?.current
    return found?.unavailable === undefined ? found : undefined
  }

  /**
   * As `get`, loading a model that is not in memory for want of it. Throws why there is nothing to serve: queue_full
   * when as many wait for the load as the model's queue may hold, deadline_exceeded or cancelled when `patience` ends.
   */
  async require(name: string, version: string | undefined, patience: Patience = patient): Promise<ServedVersion> {
    const entry = this.#entries.get(name)
    if (entry?.known !== true) throw fail('model_not_found', { model: name })
    if (entry.onDemand) await this.#bringBack(entry, patience)
    const served = this.get(name, version)
    if (served !== undefined) return served
    throw whyNot(entry, version)
  }

  /** One load for all who wait for it: a load that fails isn't tried again for each of them. */
  #bringBack(entry: ModelEntry, patience: Patience): Promise<void> {
    const { clock, queueDepthMax } = this.#options
    return entry.waits.wait(
      () => entry.inTurn(() => (entry.onDemand ? this.#want(entry) : Promise.resolve())),
      patience,
      { clock, depthMax: entry.queueDepthMax ?? queueDepthMax },
    )
  }

  /**
   * Loads every model the source has, or the named ones, until the memory budget is used; the rest load on demand.
   * Failures are kept as the reason of the model.
   */
  async loadAll(names: readonly string[] = []): Promise<void> {
    const found = await this.#source.list()
    const wanted = new Set(names)
    for (const model of found) this.#entry(model.name)
    const chosen = found.filter((model) => names.length === 0 || wanted.has('*') || wanted.has(model.name))
    for (const name of names) {
      if (name !== '*' && !found.some((model) => model.name === name))
        this.#options.logger.error('model.missing', { model: name })
    }
    await Promise.all(chosen.map((model) => this.#follow(model.name)))
  }

  /** Lists the models without loading any: explicit control starts like this. */
  async discover(): Promise<void> {
    for (const model of await this.#source.list()) {
      const entry = this.#entry(model.name)
      for (const version of model.versions) entry.slot(version.version)
    }
  }

  /** Has models of another source served as well; their names hide those of model repositories. */
  addSource(source: ModelSource): void {
    this.#added.push(source)
    this.#source = joinSources([source, this.#source])
  }

  /** Whether a model repository has a model of this name. */
  async isOfRepository(name: string): Promise<boolean> {
    const { openSource, roots } = this.#options
    return (await openSource(roots).find(name)) !== undefined
  }

  /** Fails with `conflict` for a model whose files are no model repository's. */
  async requireOfRepository(name: string): Promise<void> {
    if ((await joinSources(this.#added).find(name)) === undefined) return
    throw fail('conflict', {
      reason: `'${name}' is an endpoint; what it serves changes with the model that it follows`,
    })
  }

  /**
   * Loads or reloads a model; what served goes on serving when that fails. `staged` files are put into their
   * repository once every version that is due has loaded from them, and change nothing otherwise.
   */
  async load(name: string, override?: ModelConfig, staged?: StagedModel): Promise<void> {
    await this.#change(name, async (entry) => {
      const before = entry.remember()
      entry.override = override
      try {
        if (staged !== undefined) {
          await this.requireOfRepository(name)
          await refuseHidden(name, staged, this.#options)
        }
        await this.#want(entry, {
          unloads: true,
          staged: staged && changeOfFiles(name, staged, this.#options.openSource),
        })
      } catch (error) {
        entry.override = before.override
        this.#logFailure(name, error)
        if (staged !== undefined) await this.#takeBack(entry, before)
        this.#forgetUnknown(entry)
        throw error
      }
    })
  }

  /** Loads what a change finds beside what serves, and switches to it at once when the change is kept. */
  async change(name: string, staged: StagedChange): Promise<void> {
    await this.#change(name, async (entry) => {
      const before = entry.remember()
      try {
        await this.#want(entry, { unloads: true, staged })
      } catch (error) {
        await this.#takeBack(entry, before)
        this.#forgetUnknown(entry)
        throw error
      }
    })
  }

  #forgetUnknown(entry: ModelEntry): void {
    if (!entry.known && this.#entries.get(entry.name) === entry) this.#entries.delete(entry.name)
  }

  async #takeBack(entry: ModelEntry, before: EntryBefore): Promise<void> {
    for (const slot of entry.takeBack(before)) this.#options.events.versionGone(entry.name, slot.version)
    const served = [...before.slots.values()].some((slot) => slot.serving)
    // With swap resource the earlier version has ended; its files are still there.
    if (!served || this.#options.swap !== 'resource' || this.#closing) return
    await this.#want(entry).catch((error: unknown) => this.#logFailure(entry.name, error))
  }

  /** Takes a model out of service; returns once no request will reach it, while those inside finish. */
  async unload(name: string): Promise<void> {
    const entry = this.#entries.get(name)
    if (entry === undefined) throw fail('model_not_found', { model: name })
    await entry.inTurn(async () => this.#takeOut(entry))
  }

  #takeOut(entry: ModelEntry): void {
    entry.onDemand = false
    for (const slot of entry.versions.values()) void this.#retire(entry, slot, 'unloaded')
  }

  /** Changes a model in its turn; a model forgotten while the change waited is entered anew. */
  #change<T>(name: string, change: (entry: ModelEntry) => Promise<T>): Promise<T> {
    const entry = this.#entry(name)
    return entry.inTurn(() =>
      this.#entries.get(name) === entry ? entry.whileChanging(change) : this.#change(name, change),
    )
  }

  /** Forgets a model whose folder is gone. */
  async forget(name: string): Promise<void> {
    const entry = this.#entries.get(name)
    if (entry === undefined) throw fail('model_not_found', { model: name })
    await entry.inTurn(async () => this.#drop(entry))
  }

  #drop(entry: ModelEntry): void {
    this.#takeOut(entry)
    if (this.#entries.get(entry.name) === entry) this.#entries.delete(entry.name)
  }

  /** Brings models in line with what the source has now: the step of polling. */
  async poll(): Promise<void> {
    const found = await this.#source.list()
    const names = new Set([...this.#entries.keys(), ...found.map((model) => model.name)])
    await Promise.all([...names].map((name) => this.#follow(name)))
  }

  /** Whether a model is being changed, so that what it serves must stay. */
  isChanging = (name: string): boolean => this.#entries.get(name)?.isChanging === true

  status(): ModelStatus[] {
    return [...this.#entries.values()].map(modelStatus).sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  /** Names of every model that is known, in order. */
  names(): string[] {
    return [...this.#entries.values()]
      .filter((entry) => entry.known)
      .map((entry) => entry.name)
      .sort()
  }

  statusOf(name: string): ModelStatus | undefined {
    const entry = this.#entries.get(name)
    return entry === undefined ? undefined : modelStatus(entry)
  }

  /** Every version in memory. */
  serving(): ServedVersion[] {
    return [...this.#entries.values()].flatMap((entry) => entry.serving())
  }

  /** Ends every version at once: whoever closes the server lets requests finish before. */
  async close(): Promise<void> {
    this.#closing = true
    await Promise.all([...this.#living].map((version) => version.end('the server is shutting down')))
  }

  #entry(name: string): ModelEntry {
    let entry = this.#entries.get(name)
    if (entry === undefined) {
      entry = new ModelEntry(name)
      this.#entries.set(name, entry)
    }
    return entry
  }

  /** Brings a model in line with its folder; logs why it can't be. */
  #follow(name: string): Promise<void> {
    return this.#change(name, async (entry) => {
      const found = await this.#source.find(name)
      if (found === undefined) {
        this.#polled.delete(name)
        this.#drop(entry)
        return
      }
      // Why: a folder that failed as it is now would fail again; only a change is worth another try.
      const seen = JSON.stringify([found.config, found.problem, found.versions], asLists)
      if (this.#polled.get(name) === seen) return
      this.#polled.set(name, seen)
      // Nobody has asked for a model that isn't there yet: it takes no other's place.
      await this.#reconcile(entry, found, { unloads: entry.serving().length > 0 })
    }).catch((error: unknown) => this.#logFailure(name, error))
  }

  /** Loads what is on disk, or staged, now: read in the model's turn, so that no earlier change is missed. */
  async #want(entry: ModelEntry, manner: LoadManner = { unloads: true }): Promise<void> {
    const found = await (manner.staged === undefined ? this.#source.find(entry.name) : manner.staged.find())
    if (found === undefined)
      throw fail('load_failed', { model: entry.name, reason: 'no model repository has a folder of this name' })
    await this.#reconcile(entry, found, manner)
  }

  async #reconcile(entry: ModelEntry, found: FoundModel, manner: LoadManner): Promise<void> {
    const config = entry.override ?? found.config
    entry.problem = entry.override === undefined ? found.problem : undefined
    if (entry.problem !== undefined) throw fail('config_invalid', { model: entry.name, reason: entry.problem })
    for (const warning of found.warnings) this.#options.logger.warn('model.config', { model: entry.name, warning })
    entry.queueDepthMax = Math.min(this.#options.queueDepthMax, queueDepthOf(config))
    const numbers = found.versions.map((version) => version.version)
    entry.policyVersions =
      found.serve?.versions ?? wantedVersions(numbers, config?.versionPolicy ?? { kind: 'latest', numVersions: 1 })
    if (entry.policyVersions.length === 0) {
      entry.problem = 'its folder has no version that the version policy asks for'
      throw fail('load_failed', { model: entry.name, reason: entry.problem })
    }
    for (const version of found.versions) entry.slot(version.version)
    const due = found.versions.filter(
      (version) =>
        entry.policyVersions.includes(version.version) &&
        this.#isStale(entry.slot(version.version), version, configOf(version, config)),
    )
    await this.#replace(entry, due, { found, config, manner })
    entry.prefer(found.serve?.preferred)
    this.#retireUnwanted(entry, numbers)
    // What found no room, or was unloaded meanwhile to make some, comes back with the next request.
    entry.onDemand = entry.policyVersions.some((version) => entry.slot(version).current === undefined)
  }

  #isStale(slot: VersionSlot, found: FoundVersion, config: ModelConfig | undefined): boolean {
    return (
      slot.current === undefined ||
      slot.current.unavailable !== undefined ||
      slot.loadedFrom !== loadedFrom(found, config)
    )
  }

  async #replace(entry: ModelEntry, due: readonly FoundVersion[], model: LoadedModel): Promise<void> {
    if (this.#options.swap === 'resource' && due.length > 0) {
      await Promise.all([...entry.versions.values()].map((slot) => this.#retire(entry, slot, 'being replaced')))
    }
    const { staged } = model.manner
    const results = await Promise.allSettled(
      due.map(async (version) => {
        const fresh = await this.#open(entry, version, model)
        if (staged === undefined && fresh !== undefined) this.#serve(entry, fresh, configOf(version, model.config))
        return fresh
      }),
    )
    const failed = results.find((result) => result.status === 'rejected')
    if (staged === undefined && failed !== undefined) throw failed.reason
    if (staged === undefined) return
    const fresh = results.flatMap((result) => (result.status === 'fulfilled' ? (result.value ?? []) : []))
    try {
      if (failed !== undefined) throw failed.reason
      for (const ready of await this.#settle(entry, fresh, staged))
        this.#serve(entry, ready, configOf(ready.found, model.config))
    } catch (error) {
      await Promise.all(fresh.map((version) => this.#giveUp(version)))
      throw error
    }
  }

  /** Puts staged files where they belong, now that they are known to load. */
  async #settle(entry: ModelEntry, fresh: readonly FreshVersion[], staged: StagedChange): Promise<FreshVersion[]> {
    if (this.#closing) throw fail('shutting_down', {})
    const kept = await staged.keep(
      (version) => fresh.find(({ slot }) => slot.version === version)?.version ?? entry.versions.get(version)?.current,
    )
    return fresh.map((ready) => {
      const found = kept?.versions.find((version) => version.version === ready.found.version)
      assert(found !== undefined, 'files are where they were put')
      ready.version.moveTo(found)
      return { ...ready, found }
    })
  }

  async #giveUp({ version, release }: FreshVersion): Promise<void> {
    release()
    await this.#drain(version, 'its files were not kept')
  }

  /** Loads a version; undefined when it is left to be loaded on demand. */
  async #open(entry: ModelEntry, found: FoundVersion, model: LoadedModel): Promise<FreshVersion | undefined> {
    const slot = entry.slot(found.version)
    const { loads, memory } = this.#options
    if (slot.current === undefined) this.#state(entry, slot, 'loading', '')
    let release: (() => void) | undefined
    const version = this.#options.openVersion({
      model: entry.name,
      found,
      config: configOf(found, model.config),
      directory: model.found.directory,
    })
    this.#living.add(version)
    const { signal } = model.manner.staged ?? {}
    const callOff = (): void => void version.end('another change came first')
    signal?.addEventListener('abort', callOff, { once: true })
    try {
      signal?.throwIfAborted()
      // Why: before its turn, since making an interpreter may take minutes, in which others can load.
      await version.prepare((text) => {
        if (slot.current === undefined) slot.reason = text
      })
      return await loads.run(async () => {
        if (this.#closing) throw fail('shutting_down', {})
        release = await memory.reserve(entry, found, model.manner.unloads)
        if (release === undefined) {
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
      const reason = error instanceof Error ? error.message : String(error)
      if (slot.current === undefined) this.#state(entry, slot, 'unavailable', reason)
      else slot.reason = reason
      throw error
    } finally {
      signal?.removeEventListener('abort', callOff)
    }
  }

  async #drain(version: ServedVersion, reason: string): Promise<void> {
    await version.drain(reason)
    this.#living.delete(version)
  }

  #serve(entry: ModelEntry, { slot, found, version, release }: FreshVersion, config: ModelConfig | undefined): void {
    const { events, logger } = this.#options
    entry.lastBytes = version.instances.reduce((sum, instance) => sum + instance.memoryBytes, 0)
    const old = slot.current
    entry.point(slot, version)
    // The version is counted as resident by now, so its memory is never counted as neither.
    release()
    slot.loadedFrom = loadedFrom(found, config)
    this.#state(entry, slot, 'ready', '')
    events.versionLoaded(version)
    const { loadMs, graphCached } = version.facts
    logger.info('model.ready', { model: entry.name, version: found.version, loadMs: Math.round(loadMs), graphCached })
    if (old !== undefined) void this.#drain(old, 'replaced by a reload')
  }

  /** Versions that the policy no longer asks for go once one that it does ask for serves. */
  #retireUnwanted(entry: ModelEntry, existing: readonly number[]): void {
    for (const slot of entry.versions.values()) {
      if (entry.policyVersions.includes(slot.version)) continue
      void this.#retire(entry, slot, 'not asked for by the version policy')
      if (!existing.includes(slot.version)) entry.versions.delete(slot.version)
    }
  }

  /** Unloads to make room; requests bring the model back. */
  evict(name: string): Promise<void> {
    const entry = this.#entries.get(name)
    if (entry === undefined) return Promise.resolve()
    entry.onDemand = true
    const reason = 'unloaded to make room; the next request loads it'
    return Promise.all([...entry.versions.values()].map((slot) => this.#retire(entry, slot, reason))).then(
      () => undefined,
    )
  }

  async #retire(entry: ModelEntry, slot: VersionSlot, reason: string): Promise<void> {
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
    const known = this.#entries.get(entry.name) === entry && entry.versions.get(slot.version) === slot
    if (!known) this.#options.events.versionGone(entry.name, slot.version)
  }

  #state(entry: ModelEntry, slot: VersionSlot, state: VersionSlot['state'], reason: string): void {
    slot.state = state
    slot.reason = reason
    this.#options.events.versionState(entry.name, slot.version, state)
  }

  #logFailure(model: string, error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error)
    if (!this.#closing) this.#options.logger.error('model.load_failed', { model, reason })
  }
}
