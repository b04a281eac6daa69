import { normalName, readRequirements } from '../../lib/index.ts'
import { fail, readYaml } from '../../protocol/index.ts'

/** The files of a version's folder that say what its model requires, as text; undefined where there is none. */
export interface EnvironmentFiles {
  /** MLmodel: there for a model that MLflow saved. */
  readonly mlmodel: string | undefined
  readonly requirements: string | undefined
  /** python_env.yaml */
  readonly pythonEnv: string | undefined
  /** conda.yaml */
  readonly conda: string | undefined
}

export interface EnvironmentPlan {
  /** What the installer is given, in order, without the files. */
  readonly lines: readonly string[]
  /** Names of the packages, for messages. */
  readonly names: readonly string[]
  /** Files of the model to install, relative to its folder. */
  readonly files: readonly string[]
  /** The Python that the model was saved with, where a file says so. */
  readonly pythonWanted: string | undefined
}

/** What a model's environment holds: what its files require, and what its host can't do without. */
export const planEnvironment = (model: string, files: EnvironmentFiles): EnvironmentPlan => {
  const pythonEnv = fieldsOf(yaml(files.pythonEnv))
  const text = files.requirements ?? textsOf(pythonEnv['dependencies']) ?? pipSection(files.conda) ?? ''
  const found = readRequirements(text, (reason) =>
    fail('load_failed', { model, reason: `its requirements can't be installed: ${reason}` }),
  )
  const packages = found.flatMap((requirement) => (requirement.kind === 'package' ? [requirement] : []))
  const names = new Set(packages.map((requirement) => requirement.name))
  const missing = files.mlmodel === undefined ? missingOfModule(names) : missingOfMlflow(names, files.mlmodel)
  return {
    lines: [...packages.map((requirement) => requirement.line), ...missing],
    names: [...names, ...missing.map((line) => normalName(line.split('=')[0] ?? line))],
    files: found.flatMap((requirement) => (requirement.kind === 'file' ? [requirement.path] : [])),
    pythonWanted: wordOf(pythonEnv['python']),
  }
}

/** What is installed beside these requirements, as pip reads them, because its host can't do without. */
export const missingRequirements = (lines: readonly string[], mlmodel: string | undefined): string[] => {
  const names = new Set(lines.map((line) => normalName(/^[\w.-]+/.exec(line)?.[0] ?? '')))
  return mlmodel === undefined ? missingOfModule(names) : missingOfMlflow(names, mlmodel)
}

const missingOfModule = (names: ReadonlySet<string>): string[] => (names.has('numpy') ? [] : ['numpy'])

/** The MLflow that saved a model surely loads it. */
const missingOfMlflow = (names: ReadonlySet<string>, mlmodel: string): string[] => {
  if (names.has('mlflow')) return []
  const version = wordOf(fieldsOf(yaml(mlmodel))['mlflow_version'])
  return [version !== undefined && /^\d+(\.\d+){1,3}$/.test(version) ? `mlflow==${version}` : 'mlflow']
}

const yaml = (text: string | undefined): unknown => {
  if (text === undefined) return undefined
  try {
    return readYaml(text)
  } catch {
    return undefined
  }
}

/** Dependencies as lines of a requirements file; a reference to such a file is followed already. */
const textsOf = (value: unknown): string | undefined =>
  Array.isArray(value)
    ? value.filter((line) => typeof line === 'string' && !/^-r requirements\.txt$/.test(line.trim())).join('\n')
    : undefined

const pipSection = (conda: string | undefined): string | undefined => {
  const dependencies = fieldsOf(yaml(conda))['dependencies']
  if (!Array.isArray(dependencies)) return undefined
  return textsOf(dependencies.map((entry) => fieldsOf(entry)['pip']).find((pip) => pip !== undefined))
}

const fieldsOf = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}

/** A version in YAML may be read as a number. */
const wordOf = (value: unknown): string | undefined =>
  typeof value === 'string' || typeof value === 'number' ? String(value) : undefined

/** A folder's plan can't be told from files that are this large. */
export const planFileBytesMax: number = 1024 ** 2

export const tooLargeToPlan = (model: string, file: string): Error =>
  fail('load_failed', { model, reason: `its ${file} is larger than ${planFileBytesMax} bytes` })
