import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fail } from '../protocol/index.ts'
import type { Resident } from './memory-budget.ts'
import { modelsToUnload } from './memory-budget.ts'
import type { ModelEntry } from './model-entry.ts'
import type { FoundVersion } from './model-source.ts'

export interface MemoryKeeperOptions {
  readonly budgetBytes: number
  /** Models in memory, as measured now. */
  residents(): readonly Resident[]
  evict(model: string): Promise<void>
}

/** What a host needs before it holds any model: the runtime and its libraries. */
const hostBytes = 60 * 1024 * 1024
/** A runtime holds a model's weights about twice while it loads: the file and the prepared session. */
const loadFactor = 2

/** Makes room before a load and keeps the room until the load is measured, so that loads side by side don't overrun the budget. */
export class MemoryKeeper {
  readonly #options: MemoryKeeperOptions
  #reservedBytes = 0

  constructor(options: MemoryKeeperOptions) {
    this.#options = options
  }

  get budgetBytes(): number {
    return this.#options.budgetBytes
  }

  /**
   * Unloads idle models until the version fits; with `unloads` false nothing is unloaded, and undefined answered when
   * something would have to be, now or later. Throws memory_budget_exceeded when it can't fit. Call the result when
   * the load has ended.
   */
  async reserve(entry: ModelEntry, found: FoundVersion, unloads: boolean): Promise<(() => void) | undefined> {
    const { budgetBytes } = this.#options
    const neededBytes = entry.lastBytes ?? hostBytes + loadFactor * (await folderBytes(found.directory))
    // Its own other versions count, but aren't unloaded for it.
    const residents = this.#options
      .residents()
      .map((resident) => (resident.model === entry.name ? { ...resident, busy: true } : resident))
    const victims = modelsToUnload(residents, neededBytes + this.#reservedBytes, budgetBytes)
    if (!unloads && neededBytes <= budgetBytes && victims?.length !== 0) return undefined
    if (victims === undefined) {
      throw fail('memory_budget_exceeded', { model: entry.name, neededBytes: Math.round(neededBytes), budgetBytes })
    }
    this.#reservedBytes += neededBytes
    await Promise.all(victims.map((model) => this.#options.evict(model)))
    return () => {
      this.#reservedBytes -= neededBytes
    }
  }
}

const folderBytes = async (directory: string): Promise<number> => {
  const entries = await readdir(directory, { withFileTypes: true, recursive: true }).catch(() => [])
  const sizes = entries
    .filter((entry) => entry.isFile())
    .map(async (entry) => (await stat(join(entry.parentPath, entry.name)).catch(() => undefined))?.size ?? 0)
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0)
}
