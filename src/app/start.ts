import { rename, writeFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { runModules, systemClock, systemRandom } from '../lib/index.ts'
import type { Clock, Logger, Random } from '../lib/index.ts'
import type { Config } from './config/load-config.ts'
import { openDataFolder } from './data-folder.ts'
import { collectIdleGarbage } from './idle-garbage.ts'
import type { Door, Parts } from './modules.ts'
import { modules } from './modules.ts'
import { targets } from './targets.ts'

/** Where a started server answers; a door that its target doesn't open is absent. */
export interface Addresses {
  readonly http?: string
  /** HOST:PORT, the form that gRPC clients take. */
  readonly grpc?: string
  /** The second door, at MLflow's default port. */
  readonly mlflow?: string
}

export interface StartDeps {
  readonly logger: Logger
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly clock?: Clock
  readonly random?: Random
}

/** A running server. */
export interface App {
  readonly addresses: Addresses
  /** Settles when every model that should be there at start has been tried. */
  readonly loaded: Promise<void>
  /** Drains and stops; requests inside are answered. */
  stop(): Promise<void>
}

/**
 * Starts the modules of the configured target. The doors open before the models load, so that a port that is taken is
 * told at once; readiness waits for the models.
 */
export const start = async (config: Config, deps: StartDeps): Promise<App> => {
  const { logger, environment, clock = systemClock, random = systemRandom } = deps
  refuseOpenDoor(config)
  let draining = false
  const lock = openDataFolder(config, clock)
  const table = modules({ config, clock, random, logger, variables: environment, draining: () => draining })
  const running = await runModules(table, targets[config.app.target]).catch((error: unknown) => {
    lock.release()
    throw startFailure(error, config)
  })
  const { http, grpc, mlflow }: Partial<Parts> = running.parts
  const addresses: Addresses = {
    ...(http === undefined ? {} : { http: `http://${authority(http)}` }),
    ...(grpc === undefined ? {} : { grpc: authority(grpc) }),
    ...(mlflow === undefined ? {} : { mlflow: `http://${authority(mlflow)}` }),
  }
  const { gc } = globalThis
  const stopCollecting = gc && collectIdleGarbage({ clock, bytesNow: bufferBytes, collect: () => gc() })
  return {
    addresses,
    loaded: load(running.parts).then(() => writeReadyFile(config.app.readyFile, addresses)),
    async stop() {
      draining = true
      stopCollecting?.()
      await running.stop()
      lock.release()
    },
  }
}

const bufferBytes = (): number => process.memoryUsage().arrayBuffers

/** Loads what is to be there at start: the models of repositories, and those of the registry that endpoints name. */
const load = async ({ serving, endpoints, configuredEndpoints }: Parts): Promise<void> => {
  await Promise.all([serving.start(), configuredEndpoints.start().then(() => endpoints.start())])
}

/** The failures that everybody meets once, with what to do about them. */
const startFailure = (error: unknown, config: Config): unknown => {
  const { code, port } = error as { readonly code?: string; readonly port?: number }
  if (code === 'EADDRINUSE' || (error instanceof Error && error.message.includes('EADDRINUSE'))) {
    const which = port === undefined ? `a port of ${config.http.port}, ${config.grpc.port}` : `port ${port}`
    return new Error(`${which} is taken by another program; choose others with --port and --grpc-port`, {
      cause: error,
    })
  }
  return error
}

const authority = ({ host, port }: Door): string => `${isIP(host) === 6 ? `[${host}]` : host}:${port}`

const refuseOpenDoor = ({ http }: Config): void => {
  const loopback =
    http.host === 'localhost' || http.host === '::1' || (isIP(http.host) === 4 && http.host.startsWith('127.'))
  if (loopback || http.allowUnauthenticated) return
  throw new Error(
    `--host ${http.host} would let everyone who reaches the port use this server, since callers are not authenticated; ` +
      'listen on 127.0.0.1, or pass --http.allow-unauthenticated when a gateway in front authenticates',
  )
}

const writeReadyFile = async (path: string, addresses: Addresses): Promise<void> => {
  if (path === '') return
  await writeFile(`${path}.part`, `${JSON.stringify(addresses)}\n`)
  await rename(`${path}.part`, path)
}
