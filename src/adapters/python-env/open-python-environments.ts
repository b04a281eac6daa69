import { fail } from '../../protocol/index.ts'
import { findInterpreter } from './interpreter.ts'

export interface PythonEnvOptions {
  /** A path or a name on the path; empty for `python3`. */
  readonly python: string
  /** What interpreters are run with. */
  readonly environment: Readonly<Record<string, string>>
}

export interface ModelFolder {
  readonly model: string
  readonly folder: string
}

export interface PythonEnvironments {
  require(
    order: ModelFolder,
    progress: (text: string) => void,
    signal: AbortSignal,
  ): Promise<{ readonly python: string }>
}

/** Gives every Python model the one interpreter that was named. */
export const openPythonEnvironments = (options: PythonEnvOptions): PythonEnvironments => ({
  async require({ model }) {
    const found = await findInterpreter(options.python === '' ? 'python3' : options.python, options.environment)
    if ('problem' in found) throw fail('load_failed', { model, reason: found.problem })
    return { python: found.path }
  },
})
