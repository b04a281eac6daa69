import { access, copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startChild, untilReady } from '../child-server.ts'
import { freePorts } from '../free-port.ts'
import { runTool } from '../load/run-tool.ts'
import type { ServedModel } from '../served-model.ts'

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

/** A stamp in the environment tells whether it holds what requirements.txt asks for. */
const installMlserver = async (): Promise<void> => {
  const stamp = join(venv, 'requirements.txt')
  const [wanted, installed] = await Promise.all([
    readFile(requirements, 'utf8'),
    readFile(stamp, 'utf8').catch(() => ''),
  ])
  if (wanted === installed) return
  console.error('installing MLServer into .venvs/mlserver-bench …')
  await mkdir(venv, { recursive: true })
  await runTool('python3', ['-m', 'venv', venv])
  await runTool(join(venv, 'bin', 'pip'), ['install', '--quiet', '--disable-pip-version-check', '-r', requirements])
  await copyFile(requirements, stamp)
}

/** Versions of what was installed, by package. */
export const mlserverVersions = async (): Promise<Readonly<Record<string, string>>> => {
  const list = await runTool(join(venv, 'bin', 'pip'), ['list', '--format=json', '--disable-pip-version-check'])
  const packages = JSON.parse(list) as readonly { readonly name: string; readonly version: string }[]
  const wanted = ['mlserver', 'onnxruntime', 'uvloop', 'grpcio', 'fastapi']
  return Object.fromEntries(
    packages.filter(({ name }) => wanted.includes(name)).map(({ name, version }) => [name, version]),
  )
}

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
  await installMlserver()
  await access(modelFile)
  const folder = await mkdtemp(join(tmpdir(), 'slipway-mlserver-'))
  await copyFile(runtime, join(folder, 'onnx_runtime.py'))
  await writeFile(join(folder, 'model-settings.json'), modelSettings(name, modelFile, setup))
  const [httpPort, grpcPort, metricsPort] = await freePorts(3)
  const settings = {
    host: '127.0.0.1',
    http_port: httpPort,
    grpc_port: grpcPort,
    metrics_port: metricsPort,
    parallel_workers: setup.parallelWorkers,
    // The guide's advice for production: debug mode logs every request.
    debug: false,
  }
  await writeFile(join(folder, 'settings.json'), JSON.stringify(settings))
  const server = startChild({
    command: join(venv, 'bin', 'mlserver'),
    args: ['start', folder],
    cwd: folder,
    env: { PATH: `${join(venv, 'bin')}:${process.env['PATH'] ?? ''}` },
  })
  const http = `http://127.0.0.1:${httpPort}`
  const served: ServedModel = {
    name: 'MLServer',
    http,
    grpc: `127.0.0.1:${grpcPort}`,
    pid: server.pid,
    [Symbol.asyncDispose]: async () => {
      await server.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
  try {
    await untilReady(server, async () => (await fetch(`${http}/v2/models/${name}/ready`)).ok)
    return served
  } catch (error) {
    await served[Symbol.asyncDispose]()
    throw error
  }
}
