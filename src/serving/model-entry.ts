import type { ModelConfig } from './model-config/model-config.ts'
import type { ServedVersion } from './served-version.ts'
import type { VersionState } from './serving-events.ts'

/** What the server knows of one version of a model, loaded or not. */
export interface VersionSlot {
  readonly version: number
  state: VersionState
  reason: string
  /** The version that answers; stays while a replacement loads or fails. */
  current: ServedVersion | undefined
  /** Files and configuration that `current` was loaded from. */
  loadedFrom: string
}

/** One model: its versions, whether it is wanted, and the order of changes to it. */
export class ModelEntry {
  readonly name: string
  readonly versions: Map<number, VersionSlot> = new Map()
  /** Why the model as a whole can't be loaded. */
  problem: string | undefined
  /** Configuration that a load request gave instead of the file's. */
  override: ModelConfig | undefined
  /** Unloaded only to make room: the next request loads it again. */
  onDemand = false
  /** Versions the policy asks for, ascending. */
  policyVersions: readonly number[] = []
  /** Measured memory of the model when it was last loaded, bytes. */
  lastBytes: number | undefined
  /** The load that requests of an unloaded model wait for. */
  comingBack: Promise<void> | undefined
  #turn: Promise<unknown> = Promise.resolve()
  #newest: ServedVersion | undefined

  constructor(name: string) {
    this.name = name
  }

  /** The version that answers when none is named: the highest that serves. */
  get newest(): ServedVersion | undefined {
    if (this.#newest?.unavailable === undefined) return this.#newest
    return highest(this.serving().filter((version) => version.unavailable === undefined)) ?? this.#newest
  }

  /** The version that a caller names, by its digits as they are written in folder names. */
  find(version: string): VersionSlot | undefined {
    return /^[1-9]\d*$/.test(version) ? this.versions.get(Number(version)) : undefined
  }

  slot(version: number): VersionSlot {
    let slot = this.versions.get(version)
    if (slot === undefined) {
      slot = { version, state: 'unavailable', reason: '', current: undefined, loadedFrom: '' }
      this.versions.set(version, slot)
    }
    return slot
  }

  serving(): ServedVersion[] {
    return [...this.versions.values()].flatMap((slot) => slot.current ?? [])
  }

  /** Puts a version in a slot, or takes it out; requests see the change at once. */
  point(slot: VersionSlot, version: ServedVersion | undefined): void {
    slot.current = version
    this.#newest = highest(this.serving())
  }

  /** Changes to a model happen one after another. */
  inTurn<T>(change: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(change, change)
    this.#turn = turn.catch(() => undefined)
    return turn
  }
}

const highest = (versions: readonly ServedVersion[]): ServedVersion | undefined =>
  versions.reduce<ServedVersion | undefined>(
    (newest, candidate) => (newest === undefined || candidate.version > newest.version ? candidate : newest),
    undefined,
  )
