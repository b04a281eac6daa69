import type { Clock, Logger, Semaphore } from '../lib/index.ts'
import { fail } from '../protocol/index.ts'
import type { AppError } from '../protocol/index.ts'
import type { ModelConfig } from './model-config/model-config.ts'
import type { MemoryKeeper } from './memory-keeper.ts'
import { ModelEntry } from './model-entry.ts'
import type { VersionSlot } from './model-entry.ts'
import { modelStatus } from './model-status.ts'
import type { ModelStatus } from './model-status.ts'
import type { FoundModel, FoundVersion } from './model-source.ts'
import type { ServedVersion, VersionOrder } from './served-version.ts'
import type { ServingEvents } from './serving-events.ts'
import { wantedVersions } from './version-policy.ts'

export interface ModelSource {
  list(): Promise<FoundModel[]>
  find(name: string): Promise<FoundModel | undefined>
}

export interface ManagerOptions {
  readonly source: ModelSource
  readonly clock: Clock
  readonly logger: Logger
  readonly events: ServingEvents
  readonly memory: MemoryKeeper
  /** Bounds how many versions load at a time. */
  readonly loads: Semaphore
  /** availability: load the new beside the old, then switch. resource: end the old first, for models that fill the memory. */
  readonly swap: 'availability' | 'resource'
  openVersion(order: VersionOrder): ServedVersion
}

/** A model as it is being loaded: what was found, and the configuration that holds. */
interface LoadedModel {
  readonly found: FoundModel
  readonly config: ModelConfig | undefined
}

/**
 * Which models and versions are in memory. It brings what is wanted and what is loaded together, never taking a
 * version that serves away before another of the model is ready, unless asked to.
 */
export class ModelManager {
  readonly #options: ManagerOptions
  readonly #entries = new Map<string, ModelEntry>()
  /** What each folder was when it was last brought in line. */
  readonly #polled = new Map<string, string>()
  /** Versions whose start is under way. */
  readonly #starting = new Set<ServedVersion>()
  #closing = false

  constructor(options: ManagerOptions) {
    this.#options = options
  }

  /** The version that serves a request now, if it is in memory. The hot path: no promise, no allocation. */
  get(name: string, version: string | undefined): ServedVersion | undefined {
    const entry = this.#entries.get(name)
    if (entry === undefined) return undefined
    const found = version === undefined || version === '' ? entry.newest : entry.find(version)?.current
    return found?.unavailable === undefined ? found : undefined
  }

  /** As `get`, loading a model that was unloaded for want of memory. Throws why there is nothing to serve. */
  async require(name: string, version: string | undefined): Promise<ServedVersion> {
    const entry = this.#entries.get(name)
    if (entry === undefined || (entry.versions.size === 0 && entry.problem === undefined))
      throw fail('model_not_found', { model: name })
    if (entry.onDemand) await this.#bringBack(entry)
    const served = this.get(name, version)
    if (served !== undefined) return served
    throw this.#whyNot(entry, version)
  }

  /** One load for all who wait for it: a load that fails isn't tried again for each of them. */
  #bringBack(entry: ModelEntry): Promise<void> {
    entry.comingBack ??= entry
      .inTurn(() => (entry.onDemand ? this.#reconcile(entry) : Promise.resolve()))
      .finally(() => {
        entry.comingBack = undefined
      })
    return entry.comingBack
  }

  #whyNot(entry: ModelEntry, version: string | undefined): AppError {
    const model = entry.name
    const named = version === undefined || version === '' ? undefined : entry.find(version)
    if (version !== undefined && version !== '' && named === undefined)
      return fail('version_not_found', { model, version })
    const slot = named ?? [...entry.versions.values()].at(-1)
    const reason = slot?.current?.unavailable ?? (slot?.reason || entry.problem || slot?.state || 'it has no versions')
    return fail('model_not_ready', { model, reason })
  }

  /** Loads every model the source has, or the named ones; failures are kept as the reason of the model. */
  async loadAll(names: readonly string[] = []): Promise<void> {
    const found = await this.#options.source.list()
    const wanted = new Set(names)
    for (const model of found) this.#entry(model.name)
    const chosen = found.filter((model) => names.length === 0 || wanted.has('*') || wanted.has(model.name))
    for (const name of names) {
      if (name !== '*' && !found.some((model) => model.name === name))
        this.#options.logger.error('model.missing', { model: name })
    }
    await Promise.all(
      chosen.map((model) =>
        this.#entry(model.name)
          .inTurn(() => this.#want(this.#entry(model.name), model))
          .catch((error: unknown) => this.#logFailure(model.name, error)),
      ),
    )
  }

  /** Lists the models without loading any: explicit control starts like this. */
  async discover(): Promise<void> {
    for (const model of await this.#options.source.list()) {
      const entry = this.#entry(model.name)
      for (const version of model.versions) entry.slot(version.version)
    }
  }

  /** Loads or reloads a model; what served goes on serving when that fails. */
  async load(name: string, override?: ModelConfig): Promise<void> {
    const found = await this.#options.source.find(name)
    if (found === undefined)
      throw fail('load_failed', { model: name, reason: 'no model repository has a folder of this name' })
    await this.#change(name, (entry) => {
      const before = entry.override
      entry.override = override
      return this.#want(entry, found).catch((error: unknown) => {
        entry.override = before
        throw error
      })
    })
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
    return entry.inTurn(() => (this.#entries.get(name) === entry ? change(entry) : this.#change(name, change)))
  }

  /** Forgets a model whose folder is gone. */
  async forget(name: string): Promise<void> {
    const entry = this.#entries.get(name)
    if (entry === undefined) throw fail('model_not_found', { model: name })
    await entry.inTurn(async () => {
      this.#takeOut(entry)
      if (this.#entries.get(name) === entry) this.#entries.delete(name)
    })
  }

  /** Brings models in line with what the source has now: the step of polling. */
  async poll(): Promise<void> {
    const found = await this.#options.source.list()
    for (const entry of this.#entries.values()) {
      if (found.some((model) => model.name === entry.name)) continue
      this.#polled.delete(entry.name)
      await this.forget(entry.name)
    }
    await Promise.all(
      found.map((model) =>
        this.#entry(model.name)
          .inTurn(() => this.#pollModel(this.#entry(model.name), model))
          .catch((error: unknown) => this.#logFailure(model.name, error)),
      ),
    )
  }

  status(): ModelStatus[] {
    return [...this.#entries.values()].map(modelStatus).sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  statusOf(name: string): ModelStatus | undefined {
    const entry = this.#entries.get(name)
    return entry === undefined ? undefined : modelStatus(entry)
  }

  /** Every version in memory. */
  serving(): ServedVersion[] {
    return [...this.#entries.values()].flatMap((entry) => entry.serving())
  }

  async close(): Promise<void> {
    this.#closing = true
    await Promise.all(
      [...this.#entries.values()].flatMap((entry) =>
        entry.serving().map((version) => version.drain('the server is shutting down')),
      ),
    )
    await Promise.all([...this.#starting].map((version) => version.drain('the server is shutting down')))
  }

  #entry(name: string): ModelEntry {
    let entry = this.#entries.get(name)
    if (entry === undefined) {
      entry = new ModelEntry(name)
      this.#entries.set(name, entry)
    }
    return entry
  }

  async #want(entry: ModelEntry, found: FoundModel): Promise<void> {
    await this.#reconcile(entry, found)
  }

  async #pollModel(entry: ModelEntry, found: FoundModel): Promise<void> {
    // Why: a folder that failed as it is now would fail again; only a change is worth another try.
    const seen = JSON.stringify([found.config, found.problem, found.versions], asLists)
    if (this.#polled.get(entry.name) === seen) return
    this.#polled.set(entry.name, seen)
    await this.#want(entry, found)
  }

  async #reconcile(entry: ModelEntry, given?: FoundModel): Promise<void> {
    const found = given ?? (await this.#options.source.find(entry.name))
    if (found === undefined) throw fail('load_failed', { model: entry.name, reason: 'its folder is gone' })
    const config = entry.override ?? found.config
    entry.problem = entry.override === undefined ? found.problem : undefined
    if (entry.problem !== undefined) throw fail('config_invalid', { model: entry.name, reason: entry.problem })
    for (const warning of found.warnings) this.#options.logger.warn('model.config', { model: entry.name, warning })
    const numbers = found.versions.map((version) => version.version)
    entry.policyVersions = wantedVersions(numbers, config?.versionPolicy ?? { kind: 'latest', numVersions: 1 })
    if (entry.policyVersions.length === 0) {
      entry.problem = 'its folder has no version that the version policy asks for'
      throw fail('load_failed', { model: entry.name, reason: entry.problem })
    }
    for (const version of found.versions) entry.slot(version.version)
    const due = found.versions.filter(
      (version) =>
        entry.policyVersions.includes(version.version) && this.#isStale(entry.slot(version.version), version, config),
    )
    await this.#replace(entry, due, { found, config })
    this.#retireUnwanted(entry, numbers)
    // What was unloaded to make room meanwhile comes back with the next request.
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
    const results = await Promise.allSettled(due.map((version) => this.#loadVersion(entry, version, model)))
    const failed = results.find((result) => result.status === 'rejected')
    if (failed !== undefined) throw failed.reason
  }

  async #loadVersion(entry: ModelEntry, found: FoundVersion, model: LoadedModel): Promise<void> {
    const slot = entry.slot(found.version)
    const { loads, memory } = this.#options
    if (slot.current === undefined) this.#state(entry, slot, 'loading', '')
    let release = (): void => {}
    try {
      await loads.run(async () => {
        if (this.#closing) throw fail('shutting_down', {})
        release = await memory.reserve(entry, found)
        await this.#startVersion(entry, slot, { ...model, version: found })
      })
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      if (slot.current === undefined) this.#state(entry, slot, 'unavailable', reason)
      else slot.reason = reason
      throw error
    } finally {
      // The version is counted as resident by now, so its memory is never counted as neither.
      release()
    }
  }

  async #startVersion(
    entry: ModelEntry,
    slot: VersionSlot,
    model: LoadedModel & { readonly version: FoundVersion },
  ): Promise<void> {
    const { events, logger, openVersion } = this.#options
    const { found, config, version } = model
    const fresh = openVersion({ model: entry.name, found: version, config, directory: found.directory })
    this.#starting.add(fresh)
    try {
      await fresh.start()
    } finally {
      this.#starting.delete(fresh)
    }
    if (this.#closing) {
      await fresh.drain('the server is shutting down')
      throw fail('shutting_down', {})
    }
    entry.lastBytes = fresh.instances.reduce((sum, instance) => sum + instance.memoryBytes, 0)
    const old = slot.current
    entry.point(slot, fresh)
    slot.loadedFrom = loadedFrom(version, config)
    this.#state(entry, slot, 'ready', '')
    events.versionLoaded(fresh)
    logger.info('model.ready', { model: entry.name, version: version.version, loadMs: Math.round(fresh.facts.loadMs) })
    if (old !== undefined) void old.drain('replaced by a reload')
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
    await old.drain(reason)
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
    if (this.#closing) return
    const reason = error instanceof Error ? error.message : String(error)
    this.#options.logger.error('model.load_failed', { model, reason })
  }
}

const loadedFrom = (found: FoundVersion, config: ModelConfig | undefined): string =>
  `${found.fingerprint}\n${JSON.stringify(config ?? null, asLists)}`

/** Maps and sets have no JSON form of their own. */
const asLists = (_: string, value: unknown): unknown =>
  value instanceof Map || value instanceof Set ? [...value] : value
