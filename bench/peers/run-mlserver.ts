import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { startChild, untilReady } from '../child-server.ts'
import { freePorts } from '../free-port.ts'
import type { ServedModel } from '../served-model.ts'

export interface MlserverRun {
  readonly venv: string
  /** Holds model-settings.json; goes with the server. */
  readonly folder: string
  readonly name: string
  /** 0 runs the model in the server's own process. */
  readonly parallelWorkers: 0 | 1
}

/** Starts MLServer over a folder, and waits until its model is ready. */
export const runMlserver = async ({ venv, folder, name, parallelWorkers }: MlserverRun): Promise<ServedModel> => {
  const [httpPort, grpcPort, metricsPort] = await freePorts(3)
  const settings = {
    host: '127.0.0.1',
    http_port: httpPort,
    grpc_port: grpcPort,
    metrics_port: metricsPort,
    parallel_workers: parallelWorkers,
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
