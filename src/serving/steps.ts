import { join, resolve, sep } from 'node:path'
import { stat } from 'node:fs/promises'
import type { EngineName, HostProgram } from '../host/index.ts'
import { fail } from '../protocol/index.ts'
import type { ModelConfig } from './model-config/model-config.ts'

/** Parameters of a configuration that name code which runs before and behind the model. */
const stepNames = ['preprocess', 'postprocess'] as const

export type StepName = (typeof stepNames)[number]

/** A file with code around a model. */
export interface StepFile {
  readonly name: StepName
  readonly engine: Extract<EngineName, 'js' | 'python'>
  /** Path in the version's folder. */
  readonly file: string
}

/** Code around a model, in a host of its own. */
export interface Step extends StepFile {
  readonly program: HostProgram
}

/** The steps that a configuration names. Throws load_failed for a file that is no code, or not in the version's folder. */
export const findSteps = async (
  model: string,
  directory: string,
  config: ModelConfig | undefined,
): Promise<readonly StepFile[]> => {
  const steps: StepFile[] = []
  for (const name of stepNames) {
    const file = config?.parameters[name]
    if (file === undefined) continue
    const engine = /\.(ts|mjs|js)$/.test(file) ? 'js' : file.endsWith('.py') ? 'python' : undefined
    if (engine === undefined)
      throw fail('load_failed', { model, reason: `${name} must be a file that ends in .ts, .mjs, .js or .py` })
    const path = join(directory, file)
    const found = resolve(path).startsWith(resolve(directory) + sep) && (await stat(path).catch(() => undefined))
    if (found === false || found?.isFile() !== true)
      throw fail('load_failed', { model, reason: `the version folder has no file '${file.slice(0, 100)}' for ${name}` })
    steps.push({ name, engine, file })
  }
  return steps
}
