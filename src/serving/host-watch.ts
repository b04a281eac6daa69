import { readFile } from 'node:fs/promises'
import type { Clock, Logger } from '../lib/index.ts'
import { memoryBytesMaxOf } from './load-facts.ts'
import { KeptMemory } from './kept-memory.ts'
import type { KeptMemoryOptions } from './kept-memory.ts'
import type { Resident } from './memory-budget.ts'
import type { ModelInstance } from './model-instance.ts'
import type { ModelManager } from './model-manager.ts'
import type { ServedVersion } from './served-version.ts'

/** A host that runs, whether its version serves already or it is loading. */
export interface RunningHost {
  readonly pids: readonly number[]
  readonly bytesMax: number
  kill(reason: string): void
}

export interface HostWatchOptions {
  readonly models: ModelManager
  hosts(): Iterable<RunningHost>
  readonly clock: Clock
  readonly logger: Logger
  readonly bytesMax: number
  readonly bytesRecycle: number
  readonly kept: KeptMemoryOptions
}

export interface HostWatch {
  /** Memory of each model in memory, at the last look. */
  residents(): readonly Resident[]
  hostBytes(instance: ModelInstance): number
  stop(): void
}

/** How often hosts are measured: short enough that one filling memory at a few GB/s is caught in time. */
const intervalMs = 100
const pageBytes = 4096
/** A host is replaced only when it grew by this much since its load: a model that is simply large stays. */
const grown = 1.25

/**
 * Measures the resident memory of every host, kills one beyond its limit and replaces one that has grown large.
 * Reads /proc, so on systems without it hosts count with what they reported at load.
 */
export const watchHosts = (options: HostWatchOptions): HostWatch => {
  const measured = new WeakMap<ModelInstance, number>()
  const recycling = new WeakSet<ModelInstance>()
  let stopped = false

  const kept = new WeakMap<ModelInstance, KeptMemory>()

  /** Whether a host has taken so much, or keeps so much without need, that a fresh one should take its place. */
  const isWorn = (version: ServedVersion, instance: ModelInstance, bytes: number): boolean => {
    if (bytes > Math.max(options.bytesRecycle, grown * instance.memoryBytes)) return true
    // Why: what other engines hold may be what a model knows; and code around a model has hosts of its own.
    if (version.facts.engine !== 'onnx' || instance.pids.length !== 1) return false
    let memory = kept.get(instance)
    if (memory === undefined) kept.set(instance, (memory = new KeptMemory(options.kept)))
    const now = options.clock.now()
    return memory.isDue({ bytes, bytesAfterLoad: instance.memoryBytes, quietMs: now - instance.neededMs }, now)
  }

  const look = async (version: ServedVersion, instance: ModelInstance): Promise<void> => {
    const bytes = await sumOfResidents(instance.pids)
    if (bytes === undefined) return
    measured.set(instance, bytes)
    const bytesMax = Math.min(options.bytesMax, memoryBytesMaxOf(version.facts.config))
    if (bytes > bytesMax) {
      instance.kill(beyond(bytes, bytesMax))
    } else if (!recycling.has(instance) && isWorn(version, instance, bytes)) {
      recycling.add(instance)
      options.logger.warn('host.recycled', { model: version.model, version: version.version, memoryBytes: bytes })
      void instance
        .recycle()
        .catch((error: unknown) => {
          options.logger.error('host.recycle_failed', { model: version.model, reason: String(error) })
        })
        .finally(() => recycling.delete(instance))
    }
  }

  /** A load takes memory before there is a version to count it to. */
  const lookAtLoading = async (host: RunningHost): Promise<void> => {
    const bytes = await sumOfResidents(host.pids)
    const bytesMax = Math.min(options.bytesMax, host.bytesMax)
    if (bytes !== undefined && bytes > bytesMax) host.kill(beyond(bytes, bytesMax))
  }

  const round = async (): Promise<void> => {
    const serving = new Set<number>()
    for (const version of options.models.serving()) {
      for (const instance of version.instances) {
        for (const pid of instance.pids) serving.add(pid)
        await look(version, instance)
      }
    }
    for (const host of options.hosts()) if (!host.pids.some((pid) => serving.has(pid))) await lookAtLoading(host)
    if (!stopped) options.clock.setTimer(() => void round(), intervalMs)
  }
  options.clock.setTimer(() => void round(), intervalMs)

  const hostBytes = (instance: ModelInstance): number => measured.get(instance) ?? instance.memoryBytes
  return {
    hostBytes,
    residents: () =>
      residentsOf(options.models.serving(), hostBytes).map((resident) =>
        options.models.isChanging(resident.model) ? { ...resident, busy: true } : resident,
      ),
    stop() {
      stopped = true
    },
  }
}

const residentsOf = (versions: readonly ServedVersion[], bytesOf: (instance: ModelInstance) => number): Resident[] => {
  const byModel = new Map<string, Resident>()
  for (const version of versions) {
    const before = byModel.get(version.model)
    const bytes = version.instances.reduce((sum, instance) => sum + bytesOf(instance), before?.bytes ?? 0)
    byModel.set(version.model, {
      model: version.model,
      bytes,
      lastUsedMs: Math.max(version.lastUsedMs, before?.lastUsedMs ?? 0),
      busy: version.outstanding > 0 || before?.busy === true,
    })
  }
  return [...byModel.values()]
}

const beyond = (bytes: number, bytesMax: number): string =>
  `its memory of ${mebibytes(bytes)} MiB is beyond the limit of ${mebibytes(bytesMax)} MiB`

const mebibytes = (bytes: number): number => Math.round(bytes / 1024 / 1024)

const sumOfResidents = async (pids: readonly number[]): Promise<number | undefined> => {
  const each = await Promise.all(pids.map(residentBytes))
  const known = each.filter((bytes) => bytes !== undefined)
  return known.length === 0 ? undefined : known.reduce((sum, bytes) => sum + bytes, 0)
}

/** Second field of /proc/PID/statm (proc(5)): resident pages. */
const residentBytes = async (pid: number): Promise<number | undefined> => {
  try {
    const pages = Number((await readFile(`/proc/${pid}/statm`, 'utf8')).split(' ')[1])
    return Number.isFinite(pages) ? pages * pageBytes : undefined
  } catch {
    return undefined
  }
}
