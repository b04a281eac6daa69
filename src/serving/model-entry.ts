import type { Cancellation, Clock } from '../lib/index.ts'
import { fail } from '../protocol/index.ts'
import { BesideLoads } from './beside-loads.ts'
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
  /** Not in memory only for want of room: the next request loads it. To be changed by `mark`, as is the next. */
  onDemand: boolean
  /** Its last load failed for another reason than want of room. */
  failed: boolean
  /** What it took when it was last in memory, and what it was loaded from then. */
  lastMemory: { readonly from: string; readonly loadedBytes: number; readonly bytes: number } | undefined
  /** Requests that wait until it is in memory again. */
  readonly waits: LoadWaits
}

/** Of why a version isn't in memory, what decides who answers. */
type Absence = Partial<Pick<VersionSlot, 'onDemand' | 'failed'>>

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
  readonly slots: ReadonlyMap<
    number,
    { readonly reason: string; readonly serving: boolean; readonly onDemand: boolean; readonly failed: boolean }
  >
}

/** One model: its versions, whether it is wanted, and the order of changes to it. */
export class ModelEntry {
  readonly name: string
  readonly versions: Map<number, VersionSlot> = new Map()
  /** What is loaded beside a change that is under way. */
  readonly beside: BesideLoads = new BesideLoads()
  /** Why the model as a whole can't be loaded. */
  problem: string | undefined
  /** Its versions are being brought, so what it has for a problem will pass. */
  isComing = false
  /** Configuration that a load request gave instead of the file's. */
  override: ModelConfig | undefined
  /** Versions the policy asks for, ascending. */
  policyVersions: readonly number[] = []
  /** How many requests may wait for the load of a version; undefined until its configuration has been read. */
  queueDepthMax: number | undefined
  /** The server no longer knows the model; a change that waited for its turn goes to a new entry. */
  isForgotten = false
  #turn: Promise<unknown> = Promise.resolve()
  #chosen: VersionSlot | undefined
  #preferred: number | undefined
  #changes = 0

  constructor(name: string) {
    this.name = name
  }

  /**
   * The version that answers when none is named, if it is in memory: the preferred one, else the highest, of those that
   * serve or are only to be loaded on demand.
   */
  get newest(): ServedVersion | undefined {
    const served = this.#chosen?.current
    if (served?.unavailable === undefined) return served
    const other = this.#choice()
    return other === undefined ? served : other.current
  }

  /** The version that is to answer when none is named, in memory or not; undefined when none can. */
  get answering(): VersionSlot | undefined {
    return this.#choice()
  }

  /** Whether a version is to be loaded by the next request for it. */
  get onDemand(): boolean {
    return [...this.versions.values()].some((slot) => slot.onDemand)
  }

  /** The version that a caller names, by its digits as they are written in folder names. */
  find(version: string): VersionSlot | undefined {
    return /^[1-9]\d*$/.test(version) ? this.versions.get(Number(version)) : undefined
  }

  slot(version: number): VersionSlot {
    let slot = this.versions.get(version)
    if (slot === undefined) {
      slot = {
        version,
        state: 'unavailable',
        reason: '',
        current: undefined,
        loadedFrom: '',
        onDemand: false,
        failed: false,
        lastMemory: undefined,
        waits: new LoadWaits(this.name),
      }
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
      ({ version, reason, current, onDemand, failed }) =>
        [version, { reason, serving: current !== undefined, onDemand, failed }] as const,
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
      if (was.serving !== (slot.current !== undefined)) continue
      slot.reason = was.reason
      this.mark(slot, was)
    }
    for (const slot of gone) this.versions.delete(slot.version)
    this.#choose()
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

  /** Notes why a version is not in memory; requests see the change at once. */
  mark(slot: VersionSlot, { onDemand = slot.onDemand, failed = slot.failed }: Absence): void {
    slot.onDemand = onDemand
    slot.failed = failed
    this.#choose()
  }

  /** Has a version answer when none is named; undefined for the highest. Requests see the change at once. */
  prefer(version: number | undefined): void {
    this.#preferred = version
    this.#choose()
  }

  // Why kept: to choose at each request would take time and memory on the hot path.
  #choose(): void {
    this.#chosen = this.#choice()
  }

  #choice(): VersionSlot | undefined {
    const slots = [...this.versions.values()]
    return (
      this.#first(slots.filter((slot) => isServing(slot) || (slot.onDemand && !slot.failed))) ??
      // A load that failed may have done so by chance; those that no other version helps try it again.
      this.#first(slots.filter((slot) => slot.onDemand || slot.current !== undefined))
    )
  }

  #first(slots: readonly VersionSlot[]): VersionSlot | undefined {
    return slots.find((slot) => slot.version === this.#preferred) ?? highest(slots)
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

  /** Changes to a model happen one after another, each once what was loaded beside the one before has ended. */
  inTurn<T>(change: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(async () => {
      await this.beside.ended()
      return change()
    })
    this.#turn = turn.catch(() => undefined)
    return turn
  }
}

const isServing = ({ current }: VersionSlot): boolean => current !== undefined && current.unavailable === undefined

const highest = (slots: readonly VersionSlot[]): VersionSlot | undefined =>
  slots.reduce<VersionSlot | undefined>(
    (newest, candidate) => (newest === undefined || candidate.version > newest.version ? candidate : newest),
    undefined,
  )
