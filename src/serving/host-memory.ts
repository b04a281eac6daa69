import { readFile } from 'node:fs/promises'
import type { MemoryUse, ServedResident } from './memory-keeper.ts'
import type { ModelInstance } from './model-instance.ts'
import type { ModelManager } from './model-manager.ts'
import type { ServedVersion } from './served-version.ts'

/** A host that runs, whether its version serves already, is loading or is about to end. */
export interface RunningHost {
  /** None for one that writes a graph. */
  readonly version: ServedVersion | undefined
  readonly pids: readonly number[]
  readonly bytesMax: number
  kill(reason: string): void
}

export interface HostMemoryOptions {
  hosts(): Iterable<RunningHost>
  readonly serving: Pick<ModelManager, 'serving' | 'isChanging'>
}

const pageBytes = 4096

/**
 * The resident memory of hosts, at the last look. Read from /proc, so on systems without it those that serve count with
 * what they reported at load.
 */
export class HostMemory implements MemoryUse {
  readonly #options: HostMemoryOptions
  #measured: ReadonlyMap<number, number> = new Map()
  /** Those that were measured since they serve. */
  readonly #settled = new WeakSet<ModelInstance>()

  constructor(options: HostMemoryOptions) {
    this.#options = options
  }

  async measure(): Promise<void> {
    const measured = new Map<number, number>()
    for (const host of this.#options.hosts()) {
      for (const pid of host.pids) {
        const bytes = await residentBytes(pid)
        if (bytes !== undefined) measured.set(pid, bytes)
      }
    }
    this.#measured = measured
  }

  measured(pids: readonly number[]): number | undefined {
    let sum: number | undefined
    for (const pid of pids) {
      const bytes = this.#measured.get(pid)
      if (bytes !== undefined) sum = (sum ?? 0) + bytes
    }
    return sum
  }

  /** Notes that an instance was measured since it serves. */
  settle(instance: ModelInstance): void {
    this.#settled.add(instance)
  }

  /** Of the hosts of one instance. */
  hostBytes(instance: ModelInstance): number {
    return instance.pids.length === 0 ? 0 : (this.measured(instance.pids) ?? instance.memoryBytes)
  }

  bytesByVersion(): Map<ServedVersion | undefined, number> {
    const byVersion = new Map<ServedVersion | undefined, number>()
    for (const { version, pids } of this.#options.hosts())
      byVersion.set(version, (byVersion.get(version) ?? 0) + (this.measured(pids) ?? 0))
    for (const version of this.#options.serving.serving()) {
      const bytes = version.instances.reduce((sum, instance) => sum + this.hostBytes(instance), 0)
      byVersion.set(version, Math.max(bytes, byVersion.get(version) ?? 0))
    }
    return byVersion
  }

  usedBytes(): number {
    return [...this.bytesByVersion().values()].reduce((sum, bytes) => sum + bytes, 0)
  }

  residents(): ServedResident[] {
    const { serving } = this.#options
    const byVersion = this.bytesByVersion()
    return serving.serving().map((served) => ({
      served,
      model: served.model,
      version: served.version,
      bytes: Math.max(byVersion.get(served) ?? 0, this.#expectedBytes(served)),
      lastUsedMs: served.lastUsedMs,
      // Why: to unload what is quarantined would have the next request try it again.
      busy: served.outstanding > 0 || served.unavailable !== undefined || serving.isChanging(served.model),
    }))
  }

  /** Of a host that is about to be started again, or was last measured while it loaded, what it took after its load. */
  #expectedBytes({ instances }: ServedVersion): number {
    let sum = 0
    for (const instance of instances) {
      const isOpen = instance.state === 'restarting' || (instance.state === 'ready' && !this.#settled.has(instance))
      sum += Math.max(this.hostBytes(instance), isOpen ? instance.memoryBytes : 0)
    }
    return sum
  }
}

/** Second field of /proc/PID/statm (proc(5)): resident pages. */
export const residentBytes = async (pid: number): Promise<number | undefined> => {
  try {
    const pages = Number((await readFile(`/proc/${pid}/statm`, 'utf8')).split(' ')[1])
    return Number.isFinite(pages) ? pages * pageBytes : undefined
  } catch {
    return undefined
  }
}
