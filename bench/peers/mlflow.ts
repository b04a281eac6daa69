import { copyFile, mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startChild, untilReady } from '../child-server.ts'
import { freePort } from '../free-port.ts'
import { runTool } from '../load/run-tool.ts'
import { temporaryFolder } from '../temporary-folder.ts'

const venv = fileURLToPath(new URL('../../.venvs/mlflow-bench', import.meta.url))
const requirements = fileURLToPath(new URL('mlflow/requirements.txt', import.meta.url))

const install = async (): Promise<void> => {
  const stamp = join(venv, 'requirements.txt')
  const [wanted, installed] = await Promise.all([
    readFile(requirements, 'utf8'),
    readFile(stamp, 'utf8').catch(() => ''),
  ])
  if (wanted === installed) return
  console.error('installing MLflow into .venvs/mlflow-bench …')
  await mkdir(venv, { recursive: true })
  await runTool('python3', ['-m', 'venv', venv])
  await runTool(join(venv, 'bin', 'pip'), ['install', '--quiet', '--disable-pip-version-check', '-r', requirements])
  await copyFile(requirements, stamp)
}

export interface RegistryServer extends AsyncDisposable {
  readonly name: string
  readonly http: string
  readonly pid: number
}

/** Starts `mlflow server` as its guide has it, on SQLite, with its default number of workers. */
export const startMlflow = async (): Promise<RegistryServer> => {
  await install()
  const folder = await temporaryFolder()
  const port = await freePort()
  const places = [
    '--backend-store-uri',
    `sqlite:///${folder.path}/mlflow.db`,
    '--artifacts-destination',
    `${folder.path}/a`,
  ]
  const server = startChild({
    command: join(venv, 'bin', 'python'),
    args: ['-m', 'mlflow', 'server', '--host', '127.0.0.1', '--port', String(port), ...places],
    cwd: folder.path,
    env: { PATH: `${join(venv, 'bin')}:${process.env['PATH'] ?? ''}`, MLFLOW_DISABLE_TELEMETRY: 'true' },
  })
  const http = `http://127.0.0.1:${port}`
  const stop = async (): Promise<void> => {
    await server.stop()
    await folder[Symbol.asyncDispose]()
  }
  try {
    await untilReady(server, async () => (await fetch(`${http}/health`)).ok)
    return { name: 'mlflow server', http, pid: server.pid, [Symbol.asyncDispose]: stop }
  } catch (error) {
    await stop()
    throw error
  }
}
