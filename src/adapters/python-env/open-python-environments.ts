import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { installerEnvironment, reasonOf } from '../../lib/index.ts'
import type { Clock, Logger } from '../../lib/index.ts'
import { AppError, fail } from '../../protocol/index.ts'
import { moduleProblem } from './check-modules.ts'
import type { NeededFunction } from './check-modules.ts'
import { EnvironmentCache } from './environment-cache.ts'
import type { Interpreter } from './interpreter.ts'
import { findInterpreter } from './interpreter.ts'
import type { EnvironmentFiles } from './plan-environment.ts'
import { missingRequirements, planEnvironment, planFileBytesMax, tooLargeToPlan } from './plan-environment.ts'

export interface PythonEnvOptions {
  /** A path or a name on the path; empty for `python3`. */
  readonly python: string
  /** path: every model runs in that interpreter. venv: each in an environment made of it. auto: path when one is named. */
  readonly mode: 'auto' | 'path' | 'venv'
  /** Folder of the environments. */
  readonly root: string
  readonly wheels: string
  readonly buildTimeoutMs: number
  readonly environmentsMax: number
  /** Packages without a wheel are built. */
  readonly sourceBuilds: boolean
  /** Whether modules are compiled when they are installed. */
  readonly compiled: boolean
  /** The operator's, of which interpreters and the installer are given what they need. */
  readonly environment: Readonly<Record<string, string | undefined>>
}

export interface ModelFolder {
  readonly model: string
  readonly folder: string
  /** The model's own modules, checked before anything is installed for them. */
  readonly modules?: readonly NeededFunction[]
}

export interface PythonEnvironments {
  require(
    order: ModelFolder,
    progress: (text: string) => void,
    signal: AbortSignal,
  ): Promise<{ readonly python: string }>
}

/** The interpreters of Python models: the one that was named, or one made for what the model requires. */
export const openPythonEnvironments = (
  options: PythonEnvOptions,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
): PythonEnvironments => {
  const { python, mode, environment } = options
  const cache = new EnvironmentCache({ ...options, clock, logger })
  const programEnvironment = installerEnvironment(environment, environment['HOME'] ?? '')
  const interpreter = async (model: string): Promise<Interpreter> => {
    const found = await findInterpreter(python === '' ? 'python3' : python, programEnvironment)
    if ('problem' in found) throw fail('load_failed', { model, reason: found.problem })
    return found
  }
  return {
    async require({ model, folder, modules = [] }, progress, signal) {
      const base = await interpreter(model)
      if (mode === 'path' || (mode === 'auto' && python !== '')) return { python: base.path }
      const problem = await moduleProblem(base, modules, programEnvironment)
      if (problem !== undefined) throw fail('load_failed', { model, reason: problem })
      const plan = planEnvironment(model, await readFiles(model, folder))
      if (plan.pythonWanted !== undefined && minor(plan.pythonWanted) !== minor(base.version))
        logger.warn('python.other_version', { model, saved: plan.pythonWanted, python: base.version })
      try {
        return { python: await cache.require({ model, folder, base, plan }, progress, signal) }
      } catch (error) {
        if (error instanceof AppError) throw error
        throw fail('load_failed', { model, reason: reasonOf(error) }, error)
      }
    },
  }
}

/** What an environment of a folder holds besides `lines`, those of its requirements.txt; all of it where there is no such file. */
export const addedRequirements = async (
  { model, folder }: Pick<ModelFolder, 'model' | 'folder'>,
  lines: readonly string[],
): Promise<string[]> => {
  const files = await readFiles(model, folder)
  if (files.requirements !== undefined) return missingRequirements(lines, files.mlmodel)
  const plan = planEnvironment(model, files)
  return [...plan.lines, ...plan.files.map((file) => join(folder, file))]
}

const readFiles = async (model: string, folder: string): Promise<EnvironmentFiles> => {
  const read = (file: string): Promise<string | undefined> => readBounded(model, folder, file)
  return {
    mlmodel: await read('MLmodel'),
    requirements: await read('requirements.txt'),
    pythonEnv: await read('python_env.yaml'),
    conda: await read('conda.yaml'),
  }
}

const minor = (version: string): string => version.split('.').slice(0, 2).join('.')

const readBounded = async (model: string, folder: string, file: string): Promise<string | undefined> => {
  const path = join(folder, file)
  const facts = await stat(path).catch(() => undefined)
  if (facts?.isFile() !== true) return undefined
  if (facts.size > planFileBytesMax) throw tooLargeToPlan(model, file)
  return readFile(path, 'utf8')
}
