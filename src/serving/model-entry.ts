import type { Cancellation, Clock } from '../lib/index.ts'
import { fail } from '../protocol/index.ts'
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

/** How long a request waits for the load of its model. */
export interface Patience {
  /** On the monotonic clock; Infinity for as long as the load takes. */
  readonly deadlineMs: number
  readonly cancellation?: Cancellation
}

interface LoadWaiter {
  resolve(): void
  reject(error: unknown): void
}

/** Requests that wait for one load: as many as the model's queue may hold, each no longer than its caller. */
export class LoadWaits {
  readonly #model: string
  readonly #waiting = new Set<LoadWaiter>()
  #loading = false

  constructor(model: string) {
    this.#model = model
  }

  /**
   * Waits for the load under way, or for `load`, which goes on when nobody waits any more. Throws what the load threw,
   * queue_full, deadline_exceeded or cancelled.
   */
  wait(load: () => Promise<void>, patience: Patience, bounds: { clock: Clock; depthMax: number }): Promise<void> {
    const model = this.#model
    const { clock, depthMax } = bounds
    const depth = this.#waiting.size
    if (depth >= depthMax) return Promise.reject(fail('queue_full', { model, depth }))
    const startedAt = clock.now()
    const waited = new Promise<void>((resolve, reject) => {
      const waiter: LoadWaiter = {
        resolve: () => end(resolve),
        reject: (error) => end(() => reject(error)),
      }
      const end = (settle: () => void): void => {
        timer?.cancel()
        this.#waiting.delete(waiter)
        settle()
      }
      const late = (): void => {
        const elapsedMs = Math.round(clock.now() - startedAt)
        waiter.reject(fail('deadline_exceeded', { model, elapsedMs, where: 'waiting for the model to load' }))
      }
      const { deadlineMs, cancellation } = patience
      const timer = deadlineMs === Infinity ? undefined : clock.setTimer(late, deadlineMs - startedAt)
      this.#waiting.add(waiter)
      cancellation?.onCancel(() => waiter.reject(fail('cancelled', {})))
    })
    this.#start(load)
    return waited
  }

  #start(load: () => Promise<void>): void {
    if (this.#loading) return
    this.#loading = true
    const done = (settle: (waiter: LoadWaiter) => void): void => {
      this.#loading = false
      for (const waiter of this.#waiting) settle(waiter)
    }
    load().then(
      () => done((waiter) => waiter.resolve()),
      (error: unknown) => done((waiter) => waiter.reject(error)),
    )
  }
}

/** What a failed load is taken back to. */
export interface EntryBefore {
  readonly override: ModelConfig | undefined
  readonly problem: string | undefined
  readonly policyVersions: readonly number[]
  readonly slots: ReadonlyMap<number, { readonly reason: string; readonly serving: boolean }>
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
  /** Requests that wait until the model is in memory again. */
  readonly waits: LoadWaits
  /** How many of them there may be; undefined until its configuration has been read. */
  queueDepthMax: number | undefined
  /** The server no longer knows the model; a change that waited for its turn goes to a new entry. */
  isForgotten = false
  #turn: Promise<unknown> = Promise.resolve()
  #newest: ServedVersion | undefined
  #preferred: number | undefined
  #changes = 0

  constructor(name: string) {
    this.name = name
    this.waits = new LoadWaits(name)
  }

  /** The version that answers when none is named: the preferred one, else the highest that serves. */
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

  /** Whether anything is known of it: one that is not was only asked for. */
  get known(): boolean {
    return this.versions.size > 0 || this.problem !== undefined
  }

  remember(): EntryBefore {
    const { override, problem, policyVersions } = this
    const slots = [...this.versions.values()].map(
      ({ version, reason, current }) => [version, { reason, serving: current !== undefined }] as const,
    )
    return { override, problem, policyVersions, slots: new Map(slots) }
  }

  /** Forgets what a failed load of other files left; answers the versions that only those had. */
  takeBack(before: EntryBefore): VersionSlot[] {
    this.override = before.override
    this.problem = before.problem
    this.policyVersions = before.policyVersions
    const gone: VersionSlot[] = []
    for (const slot of this.versions.values()) {
      const was = before.slots.get(slot.version)
      // One that serves meanwhile was due as well, and loaded.
      if (was === undefined && slot.current === undefined) gone.push(slot)
      if (was === undefined) continue
      // A version that was unloaded meanwhile keeps the reason of that.
      if (was.serving === (slot.current !== undefined)) slot.reason = was.reason
    }
    for (const slot of gone) this.versions.delete(slot.version)
    return gone
  }

  serving(): ServedVersion[] {
    return [...this.versions.values()].flatMap((slot) => slot.current ?? [])
  }

  /** Puts a version in a slot, or takes it out; requests see the change at once. */
  point(slot: VersionSlot, version: ServedVersion | undefined): void {
    slot.current = version
    this.#choose()
  }

  /** Has a version answer when none is named; undefined for the highest. Requests see the change at once. */
  prefer(version: number | undefined): void {
    this.#preferred = version
    this.#choose()
  }

  #choose(): void {
    const preferred = this.#preferred === undefined ? undefined : this.versions.get(this.#preferred)?.current
    this.#newest = preferred ?? highest(this.serving())
  }

  get isChanging(): boolean {
    return this.#changes > 0
  }

  async whileChanging<T>(change: (entry: ModelEntry) => Promise<T>): Promise<T> {
    this.#changes += 1
    try {
      return await change(this)
    } finally {
      this.#changes -= 1
    }
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
