import { access, copyFile, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ServedModel } from '../served-model.ts'
import { runMlserver } from './run-mlserver.ts'
import { installVenv, versionsIn } from './venv.ts'

const venv = fileURLToPath(new URL('../../.venvs/mlserver-bench', import.meta.url))
const requirements = fileURLToPath(new URL('mlserver/requirements.txt', import.meta.url))
const runtime = fileURLToPath(new URL('mlserver/onnx_runtime.py', import.meta.url))

/** How MLServer is set up; the bench tries several and keeps the fastest for it. */
export interface MlserverSetup {
  readonly name: string
  /** 0 runs the model in the server's own process. */
  readonly parallelWorkers: 0 | 1
  /** Adaptive batching, off unless given. */
  readonly batching?: { readonly sizeMax: number; readonly seconds: number }
}

export const mlserverSetups: readonly MlserverSetup[] = [
  { name: 'in process', parallelWorkers: 0 },
  { name: 'in process, adaptive batching', parallelWorkers: 0, batching: { sizeMax: 32, seconds: 0.001 } },
  { name: 'one worker', parallelWorkers: 1 },
]

/** Versions of what was installed, by package. */
export const mlserverVersions = (): Promise<Readonly<Record<string, string>>> =>
  versionsIn(venv, ['mlserver', 'onnxruntime', 'uvloop', 'grpcio', 'fastapi'])

const modelSettings = (name: string, modelFile: string, setup: MlserverSetup): string =>
  JSON.stringify({
    name,
    implementation: 'onnx_runtime.OnnxRuntime',
    parameters: { uri: modelFile, version: '1' },
    ...(setup.batching === undefined
      ? {}
      : { max_batch_size: setup.batching.sizeMax, max_batch_time: setup.batching.seconds }),
  })

/** Starts MLServer 1.7 with one ONNX file as model `name`, and waits until it is ready. */
export const startMlserver = async (name: string, modelFile: string, setup: MlserverSetup): Promise<ServedModel> => {
  await installVenv(venv, requirements)
  await access(modelFile)
  const folder = await mkdtemp(join(tmpdir(), 'slipway-mlserver-'))
  await copyFile(runtime, join(folder, 'onnx_runtime.py'))
  await writeFile(join(folder, 'model-settings.json'), modelSettings(name, modelFile, setup))
  return runMlserver({ venv, folder, name, parallelWorkers: setup.parallelWorkers })
}
