import { addedRequirements, openPythonEnvironments } from '../adapters/python-env/index.ts'
import { silentLogger, systemClock } from '../lib/index.ts'

export interface EnvironmentOrder {
  /** What it is for, for messages. */
  readonly model: string
  /** Holds the requirements.txt of what it needs. */
  readonly folder: string
  /** Folder of the environments. */
  readonly root: string
  /** The interpreter that it is made of. */
  readonly python?: string
  /** Packages without a wheel are built. */
  readonly sourceBuilds?: boolean
  /** Whether modules are compiled, which who runs them does otherwise. */
  readonly compiled?: boolean
  /** The user's, of which the installer is given what it needs. */
  readonly environment: Readonly<Record<string, string | undefined>>
  progress(text: string): void
}

/** Conversions need a few libraries each; the least recently used go. */
const environmentsMax = 16
/** PyTorch and TensorFlow are large. */
const buildTimeoutMs = 1_800_000

/** Makes a Python environment outside of a server, or finds the one that is there. Throws an AppError. */
export const makeEnvironment = async (order: EnvironmentOrder): Promise<string> => {
  const options = { mode: 'venv', wheels: '', buildTimeoutMs, environmentsMax } as const
  const { root, environment, model, folder, progress } = order
  const { python: base = '', sourceBuilds = false, compiled = true } = order
  const pythons = openPythonEnvironments(
    { ...options, python: base, sourceBuilds, compiled, root, environment },
    { clock: systemClock, logger: silentLogger },
  )
  const { python } = await pythons.require({ model, folder }, progress, new AbortController().signal)
  return python
}

/** What an environment of a model's folder holds besides the requirements of its own file, as lines for pip. */
export const requirementsAdded = (model: string, folder: string, lines: readonly string[]): Promise<string[]> =>
  addedRequirements({ model, folder }, lines)
