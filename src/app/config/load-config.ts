import type { OptionValue, OptionValues } from '../../lib/index.ts'
import type { optionTables } from '../options.ts'
import type { Given, GivenValues } from './given.ts'
import { optionList } from './option-list.ts'
import { parseValue } from './parse-value.ts'
import { readConfigFile } from './read-file.ts'
import { readEnvironment } from './read-environment.ts'
import { readFlags } from './read-flags.ts'

/** The configuration, one frozen object a module. */
export type Config = { readonly [M in keyof typeof optionTables]: OptionValues<(typeof optionTables)[M]> }

/** Every problem of every source at once. */
class ConfigProblems extends Error {
  override name = 'ConfigProblems'
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(problems.join('\n'))
    this.problems = problems
  }
}

export interface LoadedConfig {
  readonly config: Config
  /** Where each value comes from, by path; absent for defaults. */
  readonly sources: ReadonlyMap<string, string>
}

export interface ConfigSources {
  readonly args: readonly string[]
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Folder in which slipway.yaml is looked for. */
  readonly directory: string
}

/** Merges defaults < file < environment < flags. Throws ConfigProblems. */
export const loadConfig = (sources: ConfigSources): LoadedConfig => {
  const flags = readFlags(sources.args)
  const path = flags.file ?? sources.environment['SLIPWAY_CONFIG']
  const layers: GivenValues[] = [
    readConfigFile(path ?? `${sources.directory}/slipway.yaml`, path !== undefined),
    readEnvironment(sources.environment),
    flags,
  ]
  const problems = layers.flatMap((layer) => layer.problems)
  const given = new Map<string, Given>()
  for (const layer of layers) for (const value of layer.values) given.set(value.path, value)
  const modules: Record<string, Record<string, OptionValue>> = {}
  for (const { module, name, path: at, option } of optionList) {
    const value = given.get(at)
    const parsed = value === undefined ? { value: option.default } : parseValue(option, value.raw)
    if (typeof parsed === 'string') problems.push(`${value?.source ?? at}: ${parsed}`)
    else (modules[module] ??= {})[name] = frozen(parsed.value)
  }
  if (problems.length > 0) throw new ConfigProblems(problems)
  for (const module of Object.values(modules)) Object.freeze(module)
  return {
    config: Object.freeze(modules) as unknown as Config,
    sources: new Map([...given].map(([at, value]) => [at, value.source])),
  }
}

/** A list is copied, so that the table's own defaults stay as they are. */
const frozen = (value: OptionValue): OptionValue => (typeof value === 'object' ? Object.freeze([...value]) : value)
