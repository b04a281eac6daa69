import type { Clock, LogFields, Logger } from '../lib/index.ts'
import { HostMemory } from './host-memory.ts'
import type { RunningHost } from './host-memory.ts'
import { memoryBytesMaxOf } from './load-facts.ts'
import { KeptMemory } from './kept-memory.ts'
import type { KeptMemoryOptions } from './kept-memory.ts'
import type { MemoryKeeper } from './memory-keeper.ts'
import type { ModelInstance } from './model-instance.ts'
import type { ModelManager } from './model-manager.ts'
import type { ServedVersion } from './served-version.ts'

export interface HostWatchOptions {
  readonly models: ModelManager
  readonly memory: MemoryKeeper
  hosts(): Iterable<RunningHost>
  readonly clock: Clock
  readonly logger: Logger
  readonly bytesMax: number
  readonly bytesRecycle: number
  readonly kept: KeptMemoryOptions
}

export interface HostWatch {
  readonly memory: HostMemory
  stop(): void
}

/** How often hosts are measured: short enough that one filling memory at a few GB/s is caught in time. */
const intervalMs = 100
/** A host is replaced only when it grew by this much since its load: a model that is simply large stays. */
const grown = 1.25

/**
 * Measures the resident memory of every host, kills one beyond its limit, replaces one that has grown large, and has
 * the budget kept.
 */
export const watchHosts = (options: HostWatchOptions): HostWatch => {
  const memory = new HostMemory({ hosts: options.hosts, serving: options.models })
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

  const look = (version: ServedVersion, instance: ModelInstance): void => {
    const bytes = memory.measured(instance.pids)
    if (bytes !== undefined) memory.settle(instance)
    const bytesMax = Math.min(options.bytesMax, memoryBytesMaxOf(version.facts.config))
    if (bytes !== undefined && bytes > bytesMax) instance.kill(beyond(bytes, bytesMax))
    else if (recycling.has(instance)) return
    else if (instance.isSpent) replace(version, instance, { reason: 'an allocation failed' })
    else if (bytes !== undefined && isWorn(version, instance, bytes)) replace(version, instance, { memoryBytes: bytes })
  }

  const replace = (served: ServedVersion, instance: ModelInstance, why: LogFields): void => {
    const { model, version } = served
    recycling.add(instance)
    options.logger.warn('host.recycled', { model, version, ...why })
    void recycle(served, instance)
      .catch((error: unknown) => options.logger.error('host.recycle_failed', { model, version, reason: String(error) }))
      .finally(() => recycling.delete(instance))
  }

  /**
   * Its host and the fresh one are in memory at once. Why also without room: the one that has grown takes more than
   * both would for long.
   */
  const recycle = async (version: ServedVersion, instance: ModelInstance): Promise<void> => {
    const release = await options.memory.makeRoom(version, instance.memoryBytes)
    try {
      await instance.recycle()
    } finally {
      release?.()
    }
  }

  /** A load takes memory before there is an instance to count it to. */
  const lookAtLoading = (host: RunningHost): void => {
    const bytes = memory.measured(host.pids)
    const bytesMax = Math.min(options.bytesMax, host.bytesMax)
    if (bytes !== undefined && bytes > bytesMax) host.kill(beyond(bytes, bytesMax))
  }

  const round = async (): Promise<void> => {
    await memory.measure()
    if (stopped) return
    const serving = new Set<number>()
    for (const version of options.models.serving()) {
      for (const instance of version.instances) {
        for (const pid of instance.pids) serving.add(pid)
        look(version, instance)
      }
    }
    for (const host of options.hosts()) if (!host.pids.some((pid) => serving.has(pid))) lookAtLoading(host)
    options.memory.enforce()
    options.clock.setTimer(() => void round(), intervalMs)
  }
  options.clock.setTimer(() => void round(), intervalMs)

  return {
    memory,
    stop() {
      stopped = true
    },
  }
}

const beyond = (bytes: number, bytesMax: number): string =>
  `its memory of ${mebibytes(bytes)} MiB is beyond the limit of ${mebibytes(bytesMax)} MiB`

const mebibytes = (bytes: number): number => Math.round(bytes / 1024 / 1024)
