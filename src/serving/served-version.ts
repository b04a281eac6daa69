import { reasonOf } from '../lib/index.ts'
import { basename, dirname } from 'node:path'
import type { EngineName, HostProgram, LoadReport } from '../host/index.ts'
import type { Clock, Defer, LogFields, Logger, Random } from '../lib/index.ts'
import { AppError, fail } from '../protocol/index.ts'
import type { Signature } from '../tensor/index.ts'
import { batchOptions } from './batch-options.ts'
import type { HostProcess } from './host-process.ts'
import type { GraphCache } from './graph-cache/graph-cache.ts'
import type { InferAnswer, InferTask } from './infer-task.ts'
import { autoComplete } from './model-config/auto-complete.ts'
import type { ModelConfig } from './model-config/model-config.ts'
import { findPrograms } from './find-programs.ts'
import { memoryBytesMaxOf } from './load-facts.ts'
import type { ModelInstance, RunCallers } from './model-instance.ts'
import type { PythonEnvironments } from './python-environments.ts'
import type { FoundVersion, ModelFile } from './model-source.ts'
import type { RestartStep } from './restart-policy.ts'
import { afterCrash } from './restart-policy.ts'
import { fullSignature } from './full-signature.ts'
import type { Reshaping } from './reshaping.ts'
import { ReshapeError, reshaping } from './reshaping.ts'
import type { ServingEvents } from './serving-events.ts'
import { configuredInstances, VersionHosts } from './version-hosts.ts'
import type { VersionLimits } from './version-limits.ts'
import { VersionScheduler } from './version-scheduler.ts'
import { readLabels } from './read-labels.ts'
import { warmUp } from './warm-up.ts'

export interface VersionDeps {
  readonly clock: Clock
  readonly random: Random
  readonly defer: Defer
  readonly logger: Logger
  readonly events: ServingEvents
  readonly limits: VersionLimits
  readonly pythons: PythonEnvironments
  readonly graphs: GraphCache
  openHost(launch: HostLaunch): HostProcess
}

/** How a host is started. */
export interface HostLaunch {
  readonly program: HostProgram
  readonly owner: LogFields
  /** Whose memory its is; undefined for a host that writes a graph. */
  readonly version: ServedVersion | undefined
  /** How many hosts of the version there are to be, which share the machine's cores. */
  readonly instances: number
  /** Memory that the model's configuration allows it. */
  readonly bytesMax: number
}

export interface VersionOrder {
  readonly model: string
  readonly found: FoundVersion
  readonly config: ModelConfig | undefined
  /** Folder of the model, which holds warm-up data. */
  readonly directory: string
}

/** What is known of a version once it is loaded. */
export interface VersionFacts {
  readonly engine: string
  readonly config: ModelConfig
  readonly refuseAboveMaxBatch: boolean
  /** Shapes with the batch dimension, as requests send them. */
  readonly signature: Signature
  readonly metadata: Readonly<Record<string, string>>
  readonly runtime: string
  readonly loadMs: number
  /** Whether the optimised graph of an earlier load was found. */
  readonly graphCached: boolean
  /** Class labels by output, from the files that the configuration names. */
  readonly labels: ReadonlyMap<string, readonly string[]>
}

/**
 * One version in memory: its hosts, its queue, and the count of requests inside, for which unloading waits.
 * Created for one load; a reload makes another one beside it.
 */
export class ServedVersion {
  readonly model: string
  readonly version: number
  readonly #deps: VersionDeps
  #order: VersionOrder
  readonly #hosts: VersionHosts
  #scheduler: VersionScheduler | undefined
  #facts: VersionFacts | undefined
  #prepared: Promise<unknown> | undefined
  readonly #preparing = new AbortController()
  #reshaping: Reshaping | undefined
  #crashes: readonly number[] = []
  #outstanding = 0
  #idle: (() => void) | undefined
  /** Why no request can be served, once that is so. */
  unavailable: string | undefined
  #isQuarantined = false
  lastCrash: string | undefined
  lastUsedMs: number

  constructor(order: VersionOrder, deps: VersionDeps) {
    this.model = order.model
    this.version = order.found.version
    this.#order = order
    this.#deps = deps
    this.#hosts = new VersionHosts({
      ...deps,
      model: order.model,
      version: this.version,
      folder: order.found.directory,
      config: order.config,
      openHost: (program) => this.#openHost(program),
      onCrash: (reason, inside) => this.#crashed(reason, inside),
    })
    this.lastUsedMs = deps.clock.now()
  }

  get facts(): VersionFacts {
    if (this.#facts === undefined) throw fail('model_not_ready', { model: this.model, reason: 'it is loading' })
    return this.#facts
  }

  get found(): FoundVersion {
    return this.#order.found
  }

  get outstanding(): number {
    return this.#outstanding
  }

  get queueDepth(): number {
    return this.#scheduler?.depth ?? 0
  }

  get instances(): readonly ModelInstance[] {
    return this.#hosts.instances
  }

  /** Of the hosts of one instance, known once it is prepared: the model's, and those of code around it. */
  get engines(): readonly EngineName[] {
    return this.#hosts.engines
  }

  /**
   * Finds the model's file and, for a Python model, its interpreter, which may first have to be made: `progress` is
   * told. Throws load_failed, also when the version is drained meanwhile.
   */
  prepare(progress: (text: string) => void): Promise<ModelFile> {
    const prepared = this.#prepare(progress)
    this.#prepared = prepared
    return prepared
  }

  async #prepare(progress: (text: string) => void): Promise<ModelFile> {
    const { model } = this
    const { pythons, limits } = this.#deps
    const { found, config } = this.#order
    try {
      const programs = await findPrograms(
        { model, folder: found.directory, config },
        { pythons, pickle: limits.pickle, progress, signal: this.#preparing.signal },
      )
      this.#hosts.use(programs)
      return programs.file
    } catch (error) {
      throw this.#loadFailure(error)
    }
  }

  /** Loads, checks the configuration against the model, warms up. Throws load_failed, with every host ended. */
  async start(): Promise<void> {
    const { clock } = this.#deps
    const startedAt = clock.now()
    try {
      const file = this.#hosts.file ?? (await this.prepare(() => {}))
      const report = await this.#hosts.startFirst()
      const { config, refuseAboveMaxBatch } = this.#completeConfig(file, report)
      await this.#hosts.startOthers(config)
      const signature = fullSignature(config, report.signature)
      this.#reshaping = reshaping(config)
      await warmUp({
        config,
        signature,
        reshaping: this.#reshaping,
        directory: this.#order.directory,
        instances: this.#hosts.instances,
        random: this.#deps.random,
      })
      this.#scheduler = this.#openScheduler(config)
      this.#facts = {
        engine: file.engine,
        config,
        refuseAboveMaxBatch,
        signature,
        metadata: report.metadata,
        runtime: report.runtime,
        loadMs: clock.now() - startedAt,
        graphCached: report.graph?.kind === 'read',
        labels: await readLabels(config, this.#order.directory),
      }
      // Why: what took long to load must not count as the least recently used.
      this.lastUsedMs = clock.now()
    } catch (error) {
      await this.#hosts.close()
      throw this.#loadFailure(error)
    }
  }

  /** Its files, the same as before, are now in the folder of `found`. */
  moveTo(found: FoundVersion): void {
    this.#order = { ...this.#order, found, directory: dirname(found.directory) }
    this.#hosts.moveTo(found.directory)
  }

  /** Runs one request. Its inputs have passed the signature check. */
  async infer(task: InferTask): Promise<InferAnswer> {
    if (this.unavailable !== undefined || this.#scheduler === undefined) {
      const code = this.#isQuarantined ? 'model_unavailable' : 'model_not_ready'
      throw fail(code, { model: this.model, reason: this.unavailable ?? 'it is loading' })
    }
    this.#outstanding += 1
    this.lastUsedMs = this.#deps.clock.now()
    try {
      return await this.#inferReshaped(task, this.#scheduler)
    } finally {
      this.#outstanding -= 1
      if (this.#outstanding === 0) this.#idle?.()
    }
  }

  async #inferReshaped(task: InferTask, scheduler: VersionScheduler): Promise<InferAnswer> {
    const shapes = this.#reshaping
    if (shapes === undefined) return scheduler.infer(task)
    const answer = await scheduler.infer({ ...task, inputs: shapes.toModel(task.inputs) })
    try {
      return { ...answer, outputs: shapes.toClient(answer.outputs) }
    } catch (error) {
      if (!(error instanceof ReshapeError)) throw error
      throw fail('model_failed', { model: this.model, reason: `output ${error.message}` }, error)
    }
  }

  /** Takes no new request, waits for those inside (no longer than the drain limit), then ends the hosts. */
  async drain(reason: string): Promise<void> {
    this.unavailable ??= reason
    const { clock, limits } = this.#deps
    if (this.#outstanding > 0) {
      await new Promise<void>((resolve) => {
        const timer = clock.setTimer(resolve, limits.drainTimeoutMs)
        this.#idle = () => {
          timer.cancel()
          resolve()
        }
      })
    }
    await this.end(reason)
  }

  /** Ends the hosts at once, and with them what is inside. */
  async end(reason: string): Promise<void> {
    this.unavailable ??= reason
    this.#preparing.abort(new Error(reason))
    await this.#prepared?.catch(() => undefined)
    this.#idle?.()
    this.#scheduler?.failWaiting(fail('model_not_ready', { model: this.model, reason }))
    await this.#hosts.close()
  }

  #completeConfig(file: ModelFile, report: LoadReport): { config: ModelConfig; refuseAboveMaxBatch: boolean } {
    return autoComplete({
      name: this.model,
      config: this.#order.config,
      model: {
        engine: file.engine,
        file: dirname(file.path) === this.#order.found.directory ? basename(file.path) : undefined,
        inputs: report.signature.inputs,
        outputs: report.signature.outputs,
        ...(report.batched === undefined ? {} : { batched: report.batched }),
      },
      defaults: { rowsMax: this.#deps.limits.rowsMax, instances: this.#deps.limits.instances },
    })
  }

  #openHost(program: HostProgram): HostProcess {
    return this.#deps.openHost({
      program,
      owner: { model: this.model, version: this.version },
      version: this,
      instances: this.instanceCount,
      bytesMax: memoryBytesMaxOf(this.#order.config),
    })
  }

  /** As configured; the configuration is completed with as many once the first host has loaded. */
  get instanceCount(): number {
    const { config } = this.#order
    return config === undefined || config.instanceGroups.length === 0
      ? this.#deps.limits.instances
      : configuredInstances(config)
  }

  #openScheduler(config: ModelConfig): VersionScheduler {
    const { clock, defer, events, limits } = this.#deps
    const scheduler = new VersionScheduler({
      model: this.model,
      batch: batchOptions(config, limits.queueDepthMax),
      batchBytesMax: limits.batchBytesMax,
      joinsRows: config.maxBatchSize > 0,
      clock,
      defer,
      events: { batchDone: (batch) => events.batchDone(this, batch) },
    })
    scheduler.useInstances(this.#hosts.instances)
    return scheduler
  }

  #crashed(reason: string, inside: RunCallers | undefined): RestartStep {
    const { clock, events, limits, random, logger } = this.#deps
    const step = afterCrash(this.#crashes, clock.now(), limits.restart, random)
    this.#crashes = step.recent
    this.lastCrash = reason
    logger.error('host.crashed', {
      model: this.model,
      version: this.version,
      reason,
      next: step.kind,
      requests: inside?.count ?? 0,
      requestIds: inside?.ids(idsMax) ?? [],
    })
    events.hostCrashed(this, reason)
    if (step.kind === 'quarantine') this.#quarantine(reason)
    return step
  }

  #quarantine(reason: string): void {
    const { crashWindowMs } = this.#deps.limits.restart
    this.#isQuarantined = true
    this.unavailable = `quarantined after ${this.#crashes.length} crashes within ${crashWindowMs / 1000} s; the last: ${reason}`
    this.#scheduler?.failWaiting(fail('model_unavailable', { model: this.model, reason: this.unavailable }))
    this.#deps.events.quarantined(this)
  }

  #loadFailure(error: unknown): AppError {
    if (error instanceof AppError) return error
    const reason = reasonOf(error)
    return fail('load_failed', { model: this.model, reason }, error)
  }
}

/** Requests that were inside a host when it crashed and are named in the log. */
const idsMax = 10
