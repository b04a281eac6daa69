import { reasonOf } from '../lib/index.ts'
import type { Clock } from '../lib/index.ts'
import { AppError, fail } from '../protocol/index.ts'
import type { Resident } from './memory-budget.ts'
import type { ModelConfig } from './model-config/model-config.ts'
import { asLists } from './load-facts.ts'
import { ModelEntry } from './model-entry.ts'
import type { EntryBefore, Patience, VersionSlot } from './model-entry.ts'
import type { ModelSource } from './model-source.ts'
import { modelStatus } from './model-status.ts'
import type { ModelStatus } from './model-status.ts'
import { Reconciler } from './reconciler.ts'
import type { ReconcilerOptions } from './reconciler.ts'
import type { ServedVersion } from './served-version.ts'
import { ServedSources } from './served-sources.ts'
import type { StagedChange, StagedModel } from './staged-change.ts'
import { changeOfFiles, refuseHidden } from './staged-change.ts'
import { VersionLifecycle } from './version-lifecycle.ts'
import type { VersionLifecycleOptions } from './version-lifecycle.ts'
import { whyNot } from './why-not.ts'

export interface ManagerOptions extends VersionLifecycleOptions, Pick<ReconcilerOptions, 'queueDepthMax' | 'swap'> {
  /** Model repositories; the first that has a name wins. */
  readonly roots: readonly string[]
  openSource(roots: readonly string[]): ModelSource
  readonly clock: Clock
}

const patient: Patience = { deadlineMs: Infinity }

/**
 * Which models and versions are in memory. It brings what is wanted and what is loaded together, never taking a
 * version that serves away before another of the model is ready, unless asked to.
 */
export class ModelManager {
  readonly #options: ManagerOptions
  readonly #sources: ServedSources
  readonly #lifecycle: VersionLifecycle
  readonly #reconciler: Reconciler
  readonly #entries = new Map<string, ModelEntry>()
  /** What each folder was when it was last brought in line. */
  readonly #polled = new Map<string, string>()

  constructor(options: ManagerOptions) {
    this.#options = options
    this.#sources = new ServedSources(options.openSource(options.roots))
    this.#lifecycle = new VersionLifecycle(options)
    this.#reconciler = new Reconciler({ ...options, source: this.#sources, lifecycle: this.#lifecycle })
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
    const isNamed = version !== undefined && version !== ''
    // Why a bound: what was loaded may make way for another before this request sees it, again and again.
    for (let loads = 0; loads <= entry.versions.size; loads++) {
      const served = this.get(name, version)
      if (served !== undefined) return served
      const slot = isNamed ? entry.find(version) : entry.answering
      if (slot?.onDemand !== true) break
      await this.#bringBack(entry, slot, patience).catch((error: unknown) => {
        // Of versions that a request doesn't name, the next one answers in place of one that doesn't load.
        if (isNamed || !slot.failed || entry.answering === slot) throw error
      })
    }
    const served = this.get(name, version)
    if (served === undefined) throw whyNot(entry, version)
    return served
  }

  /** One load for all who wait for it: a load that fails isn't tried again for each of them. */
  #bringBack(entry: ModelEntry, slot: VersionSlot, patience: Patience): Promise<void> {
    const { clock, queueDepthMax } = this.#options
    const depthMax = entry.queueDepthMax ?? queueDepthMax
    return slot.waits.wait(() => this.#loadAwaited(entry, slot), patience, { clock, depthMax })
  }

  async #loadAwaited(entry: ModelEntry, slot: VersionSlot): Promise<void> {
    // Why: a move lasts as long as its candidate takes to load; what serves until then isn't to wait for that.
    if (entry.beside.areTaken) await entry.beside.run((signal) => this.#reconciler.loadBeside(entry, slot, signal))
    const isMissing = (): boolean => slot.onDemand && entry.versions.get(slot.version) === slot
    if (!isMissing()) return
    await entry.inTurn(() =>
      isMissing()
        ? this.#reconciler.want(entry, { unloads: true, awaited: true, only: slot.version })
        : Promise.resolve(),
    )
  }

  /**
   * Loads every model the source has, or the named ones, until the memory budget is used; the rest load on demand.
   * Failures are kept as the reason of the model.
   */
  async loadAll(names: readonly string[] = []): Promise<void> {
    const found = await this.#sources.list()
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
    for (const model of await this.#sources.list()) {
      const entry = this.#entry(model.name)
      for (const version of model.versions) entry.slot(version.version)
    }
  }

  /** Has models of another source served as well; their names hide those of model repositories. */
  addSource(source: ModelSource): void {
    this.#sources.add(source)
  }

  /** Whether a model repository has a model of this name. */
  isOfRepository(name: string): Promise<boolean> {
    return this.#sources.isOfRepository(name)
  }

  /** Fails with `conflict` for a model whose files are no model repository's. */
  requireOfRepository(name: string): Promise<void> {
    return this.#sources.requireOfRepository(name)
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
        await this.#reconciler.want(entry, {
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

  /**
   * Loads a model to whose folder a version was added. When that fails, `remove` takes the version's files away, and the
   * model is as it was; of one that was unknown nothing is left.
   */
  async loadAdded(name: string, remove: () => Promise<void>): Promise<void> {
    await this.#change(name, async (entry) => {
      const before = entry.remember()
      entry.override = undefined
      try {
        await this.#reconciler.want(entry)
      } catch (error) {
        this.#logFailure(name, error)
        // Why: a file that doesn't load would be the newest version at the next start, and keep the good one out.
        await remove()
        await this.#takeBack(entry, before)
        this.#forgetUnknown(entry)
        throw error
      }
    })
  }

  /** Loads what a change finds beside what serves, and switches to it at once when the change is kept. */
  async change(name: string, staged: StagedChange): Promise<void> {
    await this.#change(name, async (entry) => {
      const before = entry.remember()
      const change = (): Promise<void> => this.#reconciler.want(entry, { unloads: true, staged })
      try {
        // Why: with swap resource there is no room for two versions of a model.
        await (this.#options.swap === 'resource' ? change() : entry.beside.during(change))
      } catch (error) {
        await this.#takeBack(entry, before)
        this.#forgetUnknown(entry)
        throw error
      }
    })
  }

  #forgetUnknown(entry: ModelEntry): void {
    if (!entry.known) this.#remove(entry)
  }

  async #takeBack(entry: ModelEntry, before: EntryBefore): Promise<void> {
    for (const slot of entry.takeBack(before)) this.#options.events.versionGone(entry.name, slot.version)
    const served = [...before.slots.values()].some((slot) => slot.serving)
    // With swap resource the earlier version has ended; its files are still there.
    if (!served || this.#options.swap !== 'resource' || this.#lifecycle.isClosing) return
    await this.#reconciler.want(entry).catch((error: unknown) => this.#logFailure(entry.name, error))
  }

  /** Takes a model out of service; returns once no request will reach it, while those inside finish. */
  async unload(name: string): Promise<void> {
    const entry = this.#entries.get(name)
    if (entry === undefined) throw fail('model_not_found', { model: name })
    await entry.inTurn(async () => this.#takeOut(entry))
  }

  #takeOut(entry: ModelEntry): void {
    for (const slot of entry.versions.values()) slot.onDemand = false
    for (const slot of entry.versions.values()) void this.#lifecycle.retire(entry, slot, 'unloaded')
  }

  /** Changes a model in its turn; a model forgotten while the change waited is entered anew. */
  #change<T>(name: string, change: (entry: ModelEntry) => Promise<T>): Promise<T> {
    const entry = this.#entry(name)
    return entry.inTurn(() => (entry.isForgotten ? this.#change(name, change) : entry.whileChanging(change)))
  }

  /** Forgets a model whose folder is gone. */
  async forget(name: string): Promise<void> {
    const entry = this.#entries.get(name)
    if (entry === undefined) throw fail('model_not_found', { model: name })
    await entry.inTurn(async () => this.#drop(entry))
  }

  #drop(entry: ModelEntry): void {
    this.#takeOut(entry)
    this.#remove(entry)
  }

  #remove(entry: ModelEntry): void {
    entry.isForgotten = true
    if (this.#entries.get(entry.name) === entry) this.#entries.delete(entry.name)
  }

  /** Brings models in line with what the source has now: the step of polling. */
  async poll(): Promise<void> {
    const found = await this.#sources.list()
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
  close(): Promise<void> {
    return this.#lifecycle.close()
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
      const found = await this.#sources.find(name)
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
      await this.#reconciler.reconcile(entry, found, { unloads: entry.serving().length > 0 })
    }).catch((error: unknown) => this.#logFailure(name, error))
  }

  /** Unloads a version to make room; requests bring it back. Resolves when its hosts have ended. */
  async evict({ model, version, bytes }: Pick<Resident, 'model' | 'version' | 'bytes'>): Promise<void> {
    const entry = this.#entries.get(model)
    const slot = entry?.versions.get(version)
    if (entry !== undefined && slot?.current !== undefined) await this.#lifecycle.evict(entry, slot, bytes)
  }

  /** Resolves when what is being unloaded now has ended. */
  leaving(): Promise<void> {
    return this.#lifecycle.leaving()
  }

  #logFailure(model: string, error: unknown): void {
    const reason = reasonOf(error)
    // What is still being brought has not failed.
    if (error instanceof AppError && error.code === 'model_not_ready') return
    if (!this.#lifecycle.isClosing) this.#options.logger.error('model.load_failed', { model, reason })
  }
}
