import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ServedModel } from '../served-model.ts'
import { runMlserver } from './run-mlserver.ts'
import { installVenv, versionsIn } from './venv.ts'

const venv = fileURLToPath(new URL('../../.venvs/mlserver-mlflow-bench', import.meta.url))
const requirements = fileURLToPath(new URL('mlserver-mlflow/requirements.txt', import.meta.url))

/** The interpreter with MLServer's runtime for MLflow and scikit-learn: both servers and the training run in it. */
export const mlflowPython = async (): Promise<string> => {
  await installVenv(venv, requirements)
  return join(venv, 'bin', 'python')
}

export const mlserverMlflowVersions = (): Promise<Readonly<Record<string, string>>> =>
  versionsIn(venv, ['mlserver', 'mlserver-mlflow', 'mlflow', 'scikit-learn', 'pandas', 'numpy'])

/** Starts MLServer with a folder that MLflow saved as model `name`. */
export const startMlserverMlflow = async (
  name: string,
  modelFolder: string,
  parallelWorkers: 0 | 1,
): Promise<ServedModel> => {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-mlserver-'))
  const settings = {
    name,
    implementation: 'mlserver_mlflow.MLflowRuntime',
    parameters: { uri: modelFolder, version: '1' },
  }
  await writeFile(join(folder, 'model-settings.json'), JSON.stringify(settings))
  return runMlserver({ venv, folder, name, parallelWorkers })
}
