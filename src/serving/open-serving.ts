import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { availableParallelism, constants, totalmem } from 'node:os'
import { join } from 'node:path'
import { nodeHost } from '../host/index.ts'
import type { Clock, Defer, Logger, Random } from '../lib/index.ts'
import { makeProcessFolder, Turns } from '../lib/index.ts'
import type { GraphFigures } from './graph-cache/graph-cache.ts'
import { GraphCache } from './graph-cache/graph-cache.ts'
import { HostProcess } from './host-process.ts'
import type { KeptMemoryOptions } from './kept-memory.ts'
import { watchHosts } from './host-watch.ts'
import type { RunningHost } from './host-memory.ts'
import type { HostWatch } from './host-watch.ts'
import { LoadTurns } from './load-turns.ts'
import { MemoryKeeper } from './memory-keeper.ts'
import { ModelManager } from './model-manager.ts'
import { ModelRepository } from './model-repository.ts'
import { ServedVersion } from './served-version.ts'
import type { HostLaunch } from './served-version.ts'
import type { VersionLimits } from './version-limits.ts'
import type { PythonEnvironments } from './python-environments.ts'
import type { ServingEvents } from './serving-events.ts'

export interface ServingOptions {
  readonly roots: readonly string[]
  readonly control: 'none' | 'explicit' | 'poll'
  readonly pollIntervalMs: number
  /** Models to load at start under explicit control; `*` for all. */
  readonly loadModels: readonly string[]
  readonly swap: 'availability' | 'resource'
  readonly loadParallelism: number
  readonly limits: VersionLimits
  /** 0 for half of the machine's memory. */
  readonly memoryBudgetBytes: number
  /** A host above this is killed. */
  readonly hostMemoryBytesMax: number
  /** A host above this is replaced by a fresh one, without a gap. */
  readonly hostMemoryBytesRecycle: number
  readonly hostMemoryKept: KeptMemoryOptions
  readonly hostEnvironment: Readonly<Record<string, string>>
  readonly niceness: number
  /** Where optimised graphs are kept, and how many bytes of them; 0 for none. */
  readonly graphCache: { readonly folder: string; readonly bytesMax: number }
}

export interface ServingDeps {
  readonly clock: Clock
  readonly random: Random
  readonly defer: Defer
  readonly logger: Logger
  readonly events: ServingEvents
  readonly pythons: PythonEnvironments
}

/** The model server's core: the models, and what watches over them. */
export class Serving {
  readonly models: ModelManager
  readonly watch: HostWatch
  readonly memoryBudgetBytes: number
  /**
   * Changes of a model's files, each with the load that tries them and what a failure takes back. Why in turns: a load
   * takes all files there are, so that of one change would fail, or pass, for the files of another.
   */
  readonly changes = new Turns()
  readonly #graphs: GraphCache
  readonly #hosts = new Set<RunningHost>()
  readonly #hostDirectory: string
  readonly #options: ServingOptions
  readonly #deps: ServingDeps
  #loaded = false
  #closed = false

  constructor(options: ServingOptions, deps: ServingDeps, hostDirectory: string) {
    this.#options = options
    this.#deps = deps
    this.#hostDirectory = hostDirectory
    this.memoryBudgetBytes = options.memoryBudgetBytes > 0 ? options.memoryBudgetBytes : Math.floor(totalmem() / 2)
    const memory = new MemoryKeeper({
      budgetBytes: this.memoryBudgetBytes,
      logger: deps.logger,
      use: () => this.watch.memory,
      evict: (resident) => this.models.evict(resident),
      leaving: () => this.models.leaving(),
    })
    this.#graphs = new GraphCache({
      ...options.graphCache,
      loadTimeoutMs: options.limits.loadTimeoutMs,
      clock: deps.clock,
      logger: deps.logger,
      availableMemory: () => process.availableMemory(),
      makeRoom: (bytes) => memory.makeRoom(undefined, memory.hostBytes('onnx') + bytes),
      openHost: () =>
        this.#openHost(
          { program: nodeHost, owner: { for: 'graph cache' }, version: undefined, instances: 1, bytesMax: Infinity },
          constants.priority.PRIORITY_LOW,
        ),
    })
    const { limits } = options
    const graphs = this.#graphs
    this.models = new ModelManager({
      roots: options.roots,
      openSource: (roots) => new ModelRepository(roots),
      clock: deps.clock,
      logger: deps.logger,
      events: deps.events,
      memory,
      loads: new LoadTurns({
        places: options.loadParallelism > 0 ? options.loadParallelism : availableParallelism(),
        clock: deps.clock,
      }),
      swap: options.swap,
      queueDepthMax: limits.queueDepthMax,
      openVersion: (order) =>
        new ServedVersion(order, { ...deps, limits, graphs, openHost: (launch) => this.#openHost(launch) }),
    })
    this.watch = watchHosts({
      models: this.models,
      memory,
      hosts: () => this.#hosts,
      clock: deps.clock,
      logger: deps.logger,
      bytesMax: options.hostMemoryBytesMax,
      bytesRecycle: options.hostMemoryBytesRecycle,
      kept: options.hostMemoryKept,
    })
  }

  get graphFigures(): GraphFigures {
    return this.#graphs.figures
  }

  /** Before anything is loaded. */
  async open(): Promise<void> {
    await this.#graphs.open()
  }

  /** Whether every model that should be there at start has been tried. */
  get ready(): boolean {
    return this.#loaded && !this.#closed
  }

  /** Loads what the control mode asks for; models that fail are reported, not thrown. */
  async start(): Promise<void> {
    const { control, loadModels, pollIntervalMs } = this.#options
    if (control === 'explicit') {
      await this.models.discover()
      if (loadModels.length > 0) await this.models.loadAll(loadModels)
    } else {
      await this.models.loadAll()
    }
    this.#loaded = true
    if (control === 'poll') this.#pollLater(pollIntervalMs)
  }

  async close(): Promise<void> {
    this.#closed = true
    this.watch.stop()
    await this.#graphs.close()
    await this.models.close()
    await rm(this.#hostDirectory, { recursive: true, force: true })
  }

  #pollLater(intervalMs: number): void {
    this.#deps.clock.setTimer(() => {
      if (this.#closed) return
      void this.models
        .poll()
        .catch((error: unknown) => this.#deps.logger.error('repository.poll_failed', { error: String(error) }))
        .then(() => this.#pollLater(intervalMs))
    }, intervalMs)
  }

  #openHost(launch: HostLaunch, niceness = this.#options.niceness): HostProcess {
    const host = this.#startHost(launch, niceness)
    const running: RunningHost = {
      version: launch.version,
      pids: host.pids,
      bytesMax: launch.bytesMax,
      kill: (reason) => host.kill(reason),
    }
    this.#hosts.add(running)
    void host.exited.then(() => this.#hosts.delete(running))
    return host
  }

  #startHost({ program, owner, instances }: HostLaunch, niceness: number): HostProcess {
    const { hostEnvironment } = this.#options
    const { logger } = this.#deps
    if (program === nodeHost)
      return new HostProcess({
        program,
        directory: this.#hostDirectory,
        environment: hostEnvironment,
        niceness,
        logger,
        owner,
      })
    // Why: libraries of Python write what they like below HOME; each host gets one that ends with it.
    const directory = mkdtempSync(join(this.#hostDirectory, 'python-'))
    const environment = {
      ...hostEnvironment,
      ...pythonThreads(instances),
      HOME: directory,
      ...program.environment,
    }
    const host = new HostProcess({ program, directory, environment, niceness, logger, owner })
    void host.exited.then(() => rm(directory, { recursive: true, force: true }))
    return host
  }
}

/** Libraries that compute on every core would get in each other's way in several hosts: each host gets its share. */
const pythonThreads = (instances: number): Record<string, string> => {
  if (instances === 1) return {}
  const threads = String(Math.max(1, Math.floor(availableParallelism() / instances)))
  return { OMP_NUM_THREADS: threads, OPENBLAS_NUM_THREADS: threads, MKL_NUM_THREADS: threads }
}

/** Opens the model server's core; nothing is loaded before `start`. */
export const openServing = async (options: ServingOptions, deps: ServingDeps): Promise<Serving> => {
  const serving = new Serving(options, deps, await makeProcessFolder('hosts'))
  await serving.open()
  return serving
}
