import { join, relative } from 'node:path'
import type { EngineName, HostProgram, LoadOrder, LoadReport } from '../host/index.ts'
import { assert } from '../lib/index.ts'
import { engineOptions } from './engine-options.ts'
import type { VersionPrograms } from './find-programs.ts'
import { HostChain } from './host-chain.ts'
import type { HostLink } from './host-link.ts'
import type { HostProcess } from './host-process.ts'
import type { ModelConfig } from './model-config/model-config.ts'
import { ModelInstance } from './model-instance.ts'
import type { InstanceOptions } from './model-instance.ts'
import type { ModelFile } from './model-source.ts'
import type { VersionLimits } from './version-limits.ts'

export interface VersionHostsOptions extends Pick<InstanceOptions, 'clock' | 'graphs' | 'logger' | 'onCrash'> {
  readonly model: string
  readonly version: number
  /** Folder of the version. */
  readonly folder: string
  /** As the model's folder has it; undefined where it has none. */
  readonly config: ModelConfig | undefined
  readonly limits: VersionLimits
  openHost(program: HostProgram): HostProcess
}

/** The instances of a version: each a host, or a chain of them where the configuration names code around the model. */
export class VersionHosts {
  readonly #options: VersionHostsOptions
  readonly #instances: ModelInstance[] = []
  #programs: VersionPrograms | undefined
  #folder: string

  constructor(options: VersionHostsOptions) {
    this.#options = options
    this.#folder = options.folder
  }

  get instances(): readonly ModelInstance[] {
    return this.#instances
  }

  /** The model's file, once it is known what the hosts run. */
  get file(): ModelFile | undefined {
    return this.#programs?.file
  }

  /** Of the hosts of one instance: the model's, and those of code around it. */
  get engines(): readonly EngineName[] {
    const programs = this.#programs
    return programs === undefined ? [] : [programs.file.engine, ...programs.steps.map(({ engine }) => engine)]
  }

  /** Tells what hosts run; before the first of them. */
  use(programs: VersionPrograms): void {
    this.#programs = programs
  }

  /** Loads the model into a first host, whose report completes the configuration. */
  startFirst(): Promise<LoadReport> {
    return this.#openInstance(this.#options.config).start()
  }

  /** Loads it into as many more as the configuration, which is complete now, has instances. */
  async startOthers(config: ModelConfig): Promise<void> {
    const others: Promise<unknown>[] = []
    for (let count = this.#instances.length; count < configuredInstances(config); count++)
      others.push(this.#openInstance(config).start())
    await Promise.all(others)
  }

  /** The version's files are now in another folder: hosts that start from now on load them from there. */
  moveTo(folder: string): void {
    for (const instance of this.#instances) instance.moveTo(join(folder, relative(this.#folder, instance.path)))
    this.#folder = folder
  }

  async close(): Promise<void> {
    await Promise.all(this.#instances.map((instance) => instance.close()))
  }

  #openInstance(config: ModelConfig | undefined): ModelInstance {
    const { clock, logger, graphs, onCrash, limits } = this.#options
    const programs = this.#programs
    assert(programs !== undefined, 'it is known what hosts run before one is opened')
    const instance = new ModelInstance({
      order: this.#loadOrder(programs.file, config),
      clock,
      logger,
      loadTimeoutMs: limits.loadTimeoutMs,
      runTimeoutMs: limits.runTimeoutMs,
      abandonedRunTimeoutMs: limits.abandonedRunTimeoutMs,
      graphs,
      openHost: () => this.#openLink(programs),
      onCrash,
    })
    this.#instances.push(instance)
    return instance
  }

  #loadOrder({ engine, path }: ModelFile, config: ModelConfig | undefined): LoadOrder {
    const { model, version, limits } = this.#options
    const options = { ...limits.engineDefaults, ...engineOptions(config), ...limits.engineLimits }
    return { model, version: String(version), engine, path, options }
  }

  #openLink({ program, steps }: VersionPrograms): HostLink {
    const { openHost, config } = this.#options
    const model = openHost(program)
    if (steps.length === 0) return model
    const opened: HostProcess[] = [model]
    try {
      const around = steps.map((step) => {
        const host = openHost(step.program)
        opened.push(host)
        return { step, host }
      })
      return new HostChain({ model, steps: around, directory: this.#folder, config })
    } catch (error) {
      for (const host of opened) host.kill('another host of its chain could not be started')
      throw error
    }
  }
}

/** Instances that a complete configuration asks for. */
export const configuredInstances = (config: ModelConfig): number =>
  config.instanceGroups.reduce((sum, group) => sum + group.count, 0)
