import { stat } from 'node:fs/promises'
import { join, resolve, sep } from 'node:path'
import type { EngineName } from '../host/index.ts'
import { fail } from '../protocol/index.ts'
import { readMlmodel } from './mlmodel.ts'
import type { ModelConfig } from './model-config/model-config.ts'
import type { ModelFile } from './model-source.ts'

/** File names by engine, in the order in which they are looked for. */
const engineFiles: readonly { readonly engine: EngineName; readonly names: readonly string[] }[] = [
  { engine: 'python', names: ['MLmodel'] },
  { engine: 'onnx', names: ['model.onnx'] },
  { engine: 'js', names: ['model.ts', 'model.mjs', 'model.js'] },
  { engine: 'python', names: ['model.py'] },
  { engine: 'echo', names: ['model.echo.json'] },
]

/** Triton's names of backends and platforms that this server has an engine for. */
const engineOfBackend: Readonly<Record<string, EngineName>> = {
  onnxruntime: 'onnx',
  onnxruntime_onnx: 'onnx',
  onnx: 'onnx',
  js: 'js',
  python: 'python',
  mlflow: 'python',
  echo: 'echo',
}

/** Finds which engine loads which file of a version's folder: as the configuration says, else by what is there. */
export const findModelFile = async (
  model: string,
  directory: string,
  config: ModelConfig | undefined,
): Promise<ModelFile> => {
  const named = config?.backend || config?.platform || ''
  const engine = Object.hasOwn(engineOfBackend, named) ? engineOfBackend[named] : undefined
  if (named !== '' && engine === undefined) {
    const known = Object.keys(engineOfBackend).join(', ')
    throw fail('load_failed', { model, reason: `there is no engine for backend '${named}'; known are ${known}` })
  }
  if (engine !== 'python') {
    const path = await onnxOfMlflow(directory)
    if (path !== undefined) return { engine: 'onnx', path }
  }
  const candidates = engineFiles
    .filter((row) => engine === undefined || row.engine === engine)
    .flatMap((row) => fileNames(row.names, config).map((name) => ({ engine: row.engine, name })))
  for (const candidate of candidates) {
    const path = await pathOf(model, directory, candidate.name)
    if (path !== undefined) return { engine: candidate.engine, path }
  }
  const looked = [...new Set(candidates.map((candidate) => candidate.name))].join(', ')
  throw fail('load_failed', { model, reason: `its version folder has none of ${looked}` })
}

const pathOf = async (model: string, directory: string, name: string): Promise<string | undefined> => {
  const path = join(directory, name)
  const facts = await stat(path).catch(() => undefined)
  if (facts === undefined || facts.isFile()) return facts && path
  // A model with external data may be a folder named model.onnx that holds the file of the same name.
  if (facts.isDirectory()) return join(path, name)
  throw fail('load_failed', { model, reason: `its ${name} is not a file` })
}

/** The ONNX file of a folder that MLflow saved, when its python_function does nothing but run that file. */
const onnxOfMlflow = async (directory: string): Promise<string | undefined> => {
  const { onnxFile, loader } = (await readMlmodel(directory)) ?? {}
  if (onnxFile === undefined || loader !== 'mlflow.onnx') return undefined
  const path = resolve(directory, onnxFile)
  if (!path.startsWith(directory + sep)) return undefined
  return (await stat(path).catch(() => undefined))?.isFile() === true ? path : undefined
}

const fileNames = (names: readonly string[], config: ModelConfig | undefined): readonly string[] =>
  config === undefined || config.defaultModelFilename === '' ? names : [config.defaultModelFilename]
