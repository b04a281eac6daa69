import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { PythonEnvOptions } from '../adapters/python-env/index.ts'
import { wheelsFolder } from '../packaging/index.ts'
import type { ServingOptions } from '../serving/index.ts'
import type { Config } from './config/load-config.ts'
import { packageRoot } from './package-info.ts'

/** The environment of model hosts: what a process needs to run, and none of the server's secrets. */
const hostEnvironment = (environment: Readonly<Record<string, string | undefined>>): Record<string, string> => {
  // Why: ONNX Runtime would tell its makers of this machine and of every model that it loads.
  const passed: Record<string, string> = { ORT_DISABLE_TELEMETRY: '1' }
  for (const name of [
    'PATH',
    'HOME',
    'LANG',
    'TZ',
    'TMPDIR',
    'LD_LIBRARY_PATH',
    'CUDA_VISIBLE_DEVICES',
    'NODE_COMPILE_CACHE',
  ]) {
    const value = environment[name]
    if (value !== undefined) passed[name] = value
  }
  return passed
}

/** Folders of models: the user's, those uploaded, and the example that was asked for. */
const modelRoots = (config: Config): string[] => [
  ...config.app.package,
  ...config.serving.modelRepository,
  uploadsRoot(config),
  ...exampleRoots(config),
]

export const exampleRoots = (config: Config): string[] =>
  config.app.example === '' ? [] : [join(packageRoot, 'examples', config.app.example, 'model-repository')]

export const uploadsRoot = (config: Config): string => join(config.app.dataDir, 'models')

/** Wheels that came with a package; empty when none did. */
const packagedWheels = (config: Config): string =>
  config.app.package.map((root) => join(resolve(root), wheelsFolder)).find((folder) => existsSync(folder)) ?? ''

export const pythonOptionsOf = (
  config: Config,
  environment: Readonly<Record<string, string | undefined>>,
): PythonEnvOptions => ({
  python: config.app.python,
  mode: config.app.pythonEnv,
  root: resolve(config.app.dataDir, 'python-envs'),
  wheels: config.app.pythonWheels === '' ? packagedWheels(config) : resolve(config.app.pythonWheels),
  buildTimeoutMs: config.serving['python.buildTimeoutMs'],
  environmentsMax: config.serving['python.environmentsMax'],
  sourceBuilds: config.serving['python.sourceBuilds'],
  compiled: true,
  environment,
})

export const servingOptionsOf = (
  config: Config,
  environment: Readonly<Record<string, string | undefined>>,
): ServingOptions => {
  const { serving } = config
  return {
    roots: modelRoots(config),
    control: serving.modelControl,
    pollIntervalMs: serving.pollIntervalMs,
    loadModels: serving.loadModels,
    swap: serving.swap,
    loadParallelism: serving.loadParallelism,
    memoryBudgetBytes: serving['memory.budgetBytes'],
    hostMemoryBytesMax: serving['host.memoryBytesMax'],
    hostMemoryBytesRecycle: serving['host.memoryBytesRecycle'],
    hostMemoryKept: {
      bytesReserve: serving['host.memoryBytesReserve'],
      settleMs: serving['host.memorySettleMs'],
    },
    hostEnvironment: hostEnvironment(environment),
    niceness: serving['host.niceness'],
    graphCache: { folder: resolve(config.app.dataDir, 'graphs'), bytesMax: serving['onnx.graphCacheBytesMax'] },
    limits: {
      rowsMax: serving['batch.rowsMax'],
      batchBytesMax: serving['batch.bytesMax'],
      queueDepthMax: serving['queue.depthMax'],
      loadTimeoutMs: serving['host.loadTimeoutMs'],
      runTimeoutMs: serving['host.runTimeoutMs'],
      abandonedRunTimeoutMs: serving['host.abandonedRunTimeoutMs'],
      drainTimeoutMs: serving['host.drainTimeoutMs'],
      instances: serving.instances,
      restart: {
        crashesMax: serving['host.crashesMax'],
        crashWindowMs: serving['host.crashWindowMs'],
        backoffFirstMs: serving['host.backoffFirstMs'],
        backoffMaxMs: serving['host.backoffMaxMs'],
      },
      pickle: serving['python.pickle'],
      engineDefaults: {
        intra_op_thread_count: String(serving['onnx.intraOpThreads']),
        inter_op_thread_count: String(serving['onnx.interOpThreads']),
      },
      engineLimits: {
        onnx_file_bytes_max: String(serving['onnx.fileBytesMax']),
        onnx_allowed_domains: serving['onnx.allowedDomains'].join(','),
      },
    },
  }
}
