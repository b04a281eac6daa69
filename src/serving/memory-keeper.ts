import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { EngineName } from '../host/index.ts'
import type { Logger } from '../lib/index.ts'
import { fail } from '../protocol/index.ts'
import { HostFootprints } from './host-footprints.ts'
import type { Resident } from './memory-budget.ts'
import { versionsToGiveBack, versionsToMakeRoom } from './memory-budget.ts'
import type { ServedVersion } from './served-version.ts'

/** A version that serves, with what its hosts take now. */
export interface ServedResident extends Resident {
  readonly served: ServedVersion
}

/** The memory of hosts, as measured. */
export interface MemoryUse {
  /** What serves. */
  residents(): readonly ServedResident[]
  /** Of the hosts of every version, whether it serves, loads or ends; undefined for hosts of none. */
  bytesByVersion(): ReadonlyMap<ServedVersion | undefined, number>
  /** Of every host there is. */
  usedBytes(): number
}

export interface MemoryKeeperOptions {
  readonly budgetBytes: number
  readonly logger: Logger
  use(): MemoryUse
  /** Resolves once the version's hosts have ended. */
  evict(version: ServedResident): Promise<void>
  /** Resolves once what is being unloaded now has ended. */
  leaving(): Promise<void>
}

/** A version that is to be loaded; its program and files have been found. */
export interface LoadNeed {
  readonly version: ServedVersion
  /** What it took when it was last in memory. */
  readonly lastBytes: number | undefined
  /** Whether others may be unloaded to make room. */
  readonly unloads: boolean
}

/** Room for hosts that are about to start. */
interface Reservation {
  readonly version: ServedVersion | undefined
  /** What the version's hosts took before. */
  readonly baseBytes: number
  readonly bytes: number
}

/** What is taken, or going to be. */
interface Committed {
  readonly residents: readonly ServedResident[]
  /** Of what is loading. */
  readonly otherBytes: number
  /** Of what is being unloaded, and soon free. */
  readonly leavingBytes: number
}

/** A runtime holds a model's weights about twice while it loads: the file and the prepared session. */
const loadFactor = 2
/** What a host takes tells of its engine only where the model's files are small beside it. */
const smallBytes = 4 * 1024 ** 2

/**
 * Keeps what all hosts take within the budget, apart from models in use: makes room before a load, counts the room as
 * taken until the load is measured, and unloads idle versions when others grew beyond it.
 */
export class MemoryKeeper {
  readonly #options: MemoryKeeperOptions
  readonly #footprints = new HostFootprints()
  readonly #reserved = new Set<Reservation>()
  #overrun = false

  constructor(options: MemoryKeeperOptions) {
    this.#options = options
  }

  get budgetBytes(): number {
    return this.#options.budgetBytes
  }

  /**
   * Unloads idle versions until this one fits; with `unloads` false nothing is unloaded, and undefined answered when
   * something would have to be, now or later. Throws memory_budget_exceeded when it can't fit. Call the result when
   * the load has ended.
   */
  async reserve({ version, lastBytes, unloads }: LoadNeed): Promise<(() => void) | undefined> {
    const { budgetBytes } = this.#options
    const filesBytes = await folderBytes(version.found.directory)
    // Why: what has been called off is not to take another's place.
    if (version.unavailable !== undefined)
      throw fail('load_failed', { model: version.model, reason: version.unavailable })
    const neededBytes = lastBytes ?? this.#estimate(version, filesBytes)
    const victims = this.#victims(neededBytes)
    if (!unloads && neededBytes <= budgetBytes && victims?.length !== 0) return undefined
    if (victims === undefined)
      throw fail('memory_budget_exceeded', { model: version.model, neededBytes: Math.round(neededBytes), budgetBytes })
    const release = await this.#take({ version, baseBytes: 0, bytes: neededBytes }, victims)
    return () => {
      release()
      if (filesBytes <= smallBytes) this.#learn(version)
    }
  }

  /**
   * Makes room for a further host of a version that serves, or for one that writes a graph; undefined when there is
   * none. Call the result when the host serves or has ended.
   */
  async makeRoom(version: ServedVersion | undefined, bytes: number): Promise<(() => void) | undefined> {
    const victims = this.#victims(bytes, version)
    const baseBytes = this.#options.use().bytesByVersion().get(version) ?? 0
    return victims && this.#take({ version, baseBytes, bytes }, victims)
  }

  /** What a host of an engine takes beside its model's files. */
  hostBytes(engine: EngineName): number {
    return this.#footprints.bytesOf(engine)
  }

  /** Unloads idle versions when hosts take more than the budget; to be called after each measurement. */
  enforce(): void {
    const { budgetBytes, logger } = this.#options
    const { residents, otherBytes } = this.#committed()
    const victims = versionsToGiveBack(residents, otherBytes, budgetBytes)
    for (const victim of victims) void this.#options.evict(victim)
    const usedBytes = bytesOf(residents) - bytesOf(victims) + otherBytes
    const isOverrun = usedBytes > budgetBytes
    if (isOverrun && !this.#overrun) logger.warn('memory.budget_overrun', { usedBytes, budgetBytes })
    this.#overrun = isOverrun
  }

  #estimate(version: ServedVersion, filesBytes: number): number {
    const { engines, instanceCount } = version
    const runtimes = engines.reduce((sum, engine) => sum + this.hostBytes(engine), 0)
    return instanceCount * (runtimes + loadFactor * filesBytes)
  }

  #learn({ engines, instances }: ServedVersion): void {
    const [engine] = engines
    if (engine === undefined || engines.length > 1) return
    for (const { memoryBytes } of instances) if (memoryBytes > 0) this.#footprints.note(engine, memoryBytes)
  }

  #victims(neededBytes: number, excepted?: ServedVersion): readonly ServedResident[] | undefined {
    const { residents, otherBytes } = this.#committed()
    const others = residents.map((resident) => (resident.served === excepted ? { ...resident, busy: true } : resident))
    return versionsToMakeRoom(others, otherBytes + neededBytes, this.#options.budgetBytes)
  }

  #committed(): Committed {
    const use = this.#options.use()
    const byVersion = use.bytesByVersion()
    const reserved = this.#reservedByVersion()
    const residents = use.residents().map((resident) => {
      const bytes = reserved.get(resident.served)
      return bytes === undefined ? resident : { ...resident, bytes: Math.max(resident.bytes, bytes), busy: true }
    })
    const serving = new Set<ServedVersion | undefined>(residents.map(({ served }) => served))
    let otherBytes = 0
    let leavingBytes = 0
    for (const [version, bytes] of reserved)
      if (!serving.has(version)) otherBytes += Math.max(bytes, byVersion.get(version) ?? 0)
    for (const [version, bytes] of byVersion) if (!serving.has(version) && !reserved.has(version)) leavingBytes += bytes
    return { residents, otherBytes, leavingBytes }
  }

  #reservedByVersion(): Map<ServedVersion | undefined, number> {
    const reserved = new Map<ServedVersion | undefined, number>()
    for (const { version, baseBytes, bytes } of this.#reserved)
      reserved.set(version, Math.max(reserved.get(version) ?? 0, baseBytes) + bytes)
    return reserved
  }

  /** Reserves at once, so that loads side by side don't overrun the budget; resolves when the room is there. */
  async #take(reservation: Reservation, victims: readonly ServedResident[]): Promise<() => void> {
    this.#reserved.add(reservation)
    const release = (): void => void this.#reserved.delete(reservation)
    try {
      await Promise.all(victims.map((victim) => this.#options.evict(victim)))
      const { residents, otherBytes, leavingBytes } = this.#committed()
      if (bytesOf(residents) + otherBytes + leavingBytes > this.budgetBytes) await this.#options.leaving()
      return release
    } catch (error) {
      release()
      throw error
    }
  }
}

const bytesOf = (residents: readonly Resident[]): number => residents.reduce((sum, { bytes }) => sum + bytes, 0)

const folderBytes = async (directory: string): Promise<number> => {
  const entries = await readdir(directory, { withFileTypes: true, recursive: true }).catch(() => [])
  const sizes = entries
    .filter((entry) => entry.isFile())
    .map(async (entry) => (await stat(join(entry.parentPath, entry.name)).catch(() => undefined))?.size ?? 0)
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0)
}
