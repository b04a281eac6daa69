import { assert } from '../lib/index.ts'
import type { Logger } from '../lib/index.ts'
import { fail } from '../protocol/index.ts'
import type { FreshVersion } from './fresh-version.ts'
import { configOf, loadedFrom, queueDepthOf } from './load-facts.ts'
import type { ModelConfig } from './model-config/model-config.ts'
import type { ModelEntry, VersionSlot } from './model-entry.ts'
import type { FoundModel, FoundVersion, ModelSource } from './model-source.ts'
import type { StagedChange } from './staged-change.ts'
import { isWantOfRoom } from './version-lifecycle.ts'
import type { VersionLifecycle } from './version-lifecycle.ts'
import { wantedVersions } from './version-policy.ts'

export interface ReconcilerOptions {
  readonly source: Pick<ModelSource, 'find'>
  readonly lifecycle: VersionLifecycle
  readonly logger: Logger
  /** availability: load the new beside the old, then switch. resource: end the old first, for models that fill the memory. */
  readonly swap: 'availability' | 'resource'
  /** Requests that may wait for a model that has no bound of its own. */
  readonly queueDepthMax: number
}

export interface LoadManner {
  /** Whether other models may be unloaded to make room; if not, a model without room is left to be loaded on demand. */
  readonly unloads: boolean
  /** Whether requests wait for it. */
  readonly awaited?: boolean
  readonly staged?: StagedChange | undefined
  /** The one version that is to be loaded; the others stay as they are. */
  readonly only?: number
}

/** A model as it is being loaded: what was found, and the configuration that holds. */
interface LoadedModel {
  readonly found: FoundModel
  readonly config: ModelConfig | undefined
  readonly manner: LoadManner
}

/**
 * Brings what a model has in memory in line with what is wanted of it, never taking a version that serves away before
 * another is ready, unless `swap` says so. Called in the model's turn.
 */
export class Reconciler {
  readonly #options: ReconcilerOptions

  constructor(options: ReconcilerOptions) {
    this.#options = options
  }

  /** Loads what is on disk, or staged, now: read in the model's turn, so that no earlier change is missed. */
  async want(entry: ModelEntry, manner: LoadManner = { unloads: true }): Promise<void> {
    const found = await (manner.staged === undefined ? this.#options.source.find(entry.name) : manner.staged.find())
    if (found === undefined)
      throw fail('load_failed', { model: entry.name, reason: 'no model repository has a folder of this name' })
    await this.reconcile(entry, found, manner)
  }

  /**
   * Loads a version that requests wait for while a staged change of its model is under way, and leaves the change as it
   * is. Where there is no room for both, or the change takes its place first, nothing is loaded. Not in the model's turn.
   */
  async loadBeside(entry: ModelEntry, slot: VersionSlot, signal: AbortSignal): Promise<void> {
    const { source, lifecycle } = this.#options
    const model = await source.find(entry.name)
    const found = model?.versions.find(({ version }) => version === slot.version)
    const isWaitedFor = (): boolean =>
      !signal.aborted && entry.versions.get(slot.version) === slot && slot.current === undefined && slot.onDemand
    if (model === undefined || found === undefined || !isWaitedFor()) return
    const order = { found, model, config: model.config, unloads: true, awaited: true, signal }
    const fresh = await lifecycle.open(entry, order).catch((error: unknown) => {
      if (signal.aborted || isWantOfRoom(error)) return undefined
      throw error
    })
    if (fresh === undefined) return
    if (isWaitedFor()) lifecycle.serve(entry, fresh, configOf(found, model.config))
    else await lifecycle.giveUp(fresh)
  }

  /** Serves what was found of a model. Throws why it can't. */
  async reconcile(entry: ModelEntry, found: FoundModel, manner: LoadManner): Promise<void> {
    const config = entry.override ?? found.config
    entry.problem = entry.override === undefined ? found.problem : undefined
    entry.isComing = entry.problem !== undefined && found.isComing === true
    if (entry.problem !== undefined)
      throw fail(entry.isComing ? 'model_not_ready' : 'config_invalid', {
        model: entry.name,
        reason: entry.problem,
      })
    for (const warning of found.warnings) this.#options.logger.warn('model.config', { model: entry.name, warning })
    entry.queueDepthMax = Math.min(this.#options.queueDepthMax, queueDepthOf(config))
    const numbers = found.versions.map((version) => version.version)
    entry.policyVersions =
      found.serve?.versions ?? wantedVersions(numbers, config?.versionPolicy ?? { kind: 'latest', numVersions: 1 })
    if (entry.policyVersions.length === 0) {
      entry.problem = 'its folder has no version that the version policy asks for'
      throw fail('load_failed', { model: entry.name, reason: entry.problem })
    }
    makeSlots(entry, found.versions)
    const due = found.versions.filter(
      (version) =>
        entry.policyVersions.includes(version.version) &&
        (manner.only ?? version.version) === version.version &&
        isStale(entry.slot(version.version), version, configOf(version, config)),
    )
    await this.#replace(entry, due, { found, config, manner })
    entry.prefer(found.serve?.preferred)
    this.#retireUnwanted(entry, numbers)
    this.#tellOutcome(entry)
  }

  #tellOutcome(entry: ModelEntry): void {
    for (const slot of entry.policyVersions.map((version) => entry.slot(version))) {
      // What found no room, was unloaded meanwhile to make some, or was new beside the only one, comes with the next request.
      if (slot.current === undefined && !slot.failed) entry.mark(slot, { onDemand: true })
      // An earlier load that failed beside what serves says nothing any more.
      else if (slot.current !== undefined) slot.reason = ''
    }
  }

  async #replace(entry: ModelEntry, due: readonly FoundVersion[], model: LoadedModel): Promise<void> {
    if (this.#options.swap === 'resource' && due.length > 0) {
      await Promise.all(
        [...entry.versions.values()].map((slot) => this.#options.lifecycle.retire(entry, slot, 'being replaced')),
      )
    }
    const { staged } = model.manner
    const { lifecycle } = this.#options
    const results = await Promise.allSettled(
      due.map(async (version) => {
        const fresh = await lifecycle.open(entry, {
          found: version,
          model: model.found,
          config: model.config,
          unloads: model.manner.unloads,
          awaited: model.manner.awaited ?? false,
          signal: staged?.signal,
        })
        if (staged === undefined && fresh !== undefined) lifecycle.serve(entry, fresh, configOf(version, model.config))
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
        lifecycle.serve(entry, ready, configOf(ready.found, model.config))
    } catch (error) {
      await Promise.all(fresh.map((version) => lifecycle.giveUp(version)))
      throw error
    }
  }

  /** Puts staged files where they belong, now that they are known to load. */
  async #settle(entry: ModelEntry, fresh: readonly FreshVersion[], staged: StagedChange): Promise<FreshVersion[]> {
    if (this.#options.lifecycle.isClosing) throw fail('shutting_down', {})
    const kept = await staged.keep(
      (version) => fresh.find(({ slot }) => slot.version === version)?.version ?? entry.versions.get(version)?.current,
    )
    // What was loaded beside it may stay as well.
    entry.policyVersions = kept?.serve?.versions ?? entry.policyVersions
    return fresh.map((ready) => {
      const found = kept?.versions.find((version) => version.version === ready.found.version)
      assert(found !== undefined, 'files are where they were put')
      ready.version.moveTo(found)
      return { ...ready, found }
    })
  }

  /** Versions that the policy no longer asks for go once one that it does ask for serves. */
  #retireUnwanted(entry: ModelEntry, existing: readonly number[]): void {
    for (const slot of entry.versions.values()) {
      if (entry.policyVersions.includes(slot.version)) continue
      entry.mark(slot, { onDemand: false })
      void this.#options.lifecycle.retire(entry, slot, notAskedFor)
      if (!existing.includes(slot.version)) entry.versions.delete(slot.version)
    }
  }
}

/** What no policy asks for is known by its reason alone. */
const makeSlots = (entry: ModelEntry, versions: readonly FoundVersion[]): void => {
  for (const { version } of versions) {
    const slot = entry.slot(version)
    if (!entry.policyVersions.includes(version) && slot.current === undefined) slot.reason ||= notAskedFor
  }
}

const notAskedFor = 'not asked for by the version policy'

const isStale = (slot: VersionSlot, found: FoundVersion, config: ModelConfig | undefined): boolean =>
  slot.current === undefined || slot.current.unavailable !== undefined || slot.loadedFrom !== loadedFrom(found, config)
