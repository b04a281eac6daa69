import { basename, join } from 'node:path'
import type { EngineName, HostProgram } from '../host/index.ts'
import { nodeHost, pythonHost } from '../host/index.ts'
import type { ModelConfig } from './model-config/model-config.ts'
import { findModelFile } from './model-file.ts'
import type { ModelFile } from './model-source.ts'
import { refusePickle } from './pickle/refuse-pickle.ts'
import type { PythonEnvironments, PythonModule } from './python-environments.ts'
import type { Step, StepFile } from './steps.ts'
import { findSteps } from './steps.ts'

export interface ProgramDeps {
  readonly pythons: PythonEnvironments
  /** Whether Python models may have files that run code when they are read. */
  readonly pickle: 'allow' | 'refuse'
  readonly signal: AbortSignal
  progress(text: string): void
}

/** A version's folder, and the configuration that holds for it. */
export interface ProgramOrder {
  readonly model: string
  readonly folder: string
  readonly config: ModelConfig | undefined
}

/** What the hosts of a version run. */
export interface VersionPrograms {
  readonly file: ModelFile
  readonly program: HostProgram
  readonly steps: readonly Step[]
}

/** Finds the files of a version first, and only then the interpreter of those in Python, which may have to be made. */
export const findPrograms = async (
  { model, folder, config }: ProgramOrder,
  deps: ProgramDeps,
): Promise<VersionPrograms> => {
  const file = await findModelFile(model, folder, config)
  const steps = await findSteps(model, folder, config)
  let python: Promise<HostProgram> | undefined
  const programOf = (engine: EngineName): Promise<HostProgram> | HostProgram =>
    engine === 'python'
      ? (python ??= pythonProgram({ model, folder, modules: modulesOf(file, folder, steps) }, deps))
      : nodeHost
  const program = await programOf(file.engine)
  const complete = await Promise.all(steps.map(async (step) => ({ ...step, program: await programOf(step.engine) })))
  return { file, program, steps: complete }
}

/** Modules written for this server; MLflow reads its folders itself. */
const modulesOf = (file: ModelFile, folder: string, steps: readonly StepFile[]): PythonModule[] => [
  ...(file.engine === 'python' && basename(file.path) !== 'MLmodel'
    ? [{ path: file.path, functions: ['predict'] }]
    : []),
  ...steps
    .filter(({ engine }) => engine === 'python')
    .map((step) => ({ path: join(folder, step.file), functions: [step.name, 'predict'] })),
]

const pythonProgram = async (
  order: { readonly model: string; readonly folder: string; readonly modules: readonly PythonModule[] },
  { pickle, pythons, progress, signal }: ProgramDeps,
): Promise<HostProgram> => {
  const environment = pickle === 'refuse' ? await refusePickle(order.model, order.folder) : {}
  const { python } = await pythons.require(order, progress, signal)
  return { ...pythonHost(python), environment }
}
