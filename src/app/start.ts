import { randomUUID } from 'node:crypto'
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { join } from 'node:path'
import { grpcHealth, GrpcServer } from '../api/grpc/index.ts'
import { HttpServer } from '../api/http/index.ts'
import {
  GrpcMessages,
  JsonThreads,
  ModelLoads,
  openInferenceMethods,
  openInferenceRoutes,
  Statistics,
} from '../dialects/open-inference/index.ts'
import { openPredict } from '../gateway/index.ts'
import { deferToCheckPhase, systemClock, systemRandom } from '../lib/index.ts'
import type { Clock, Logger, Random } from '../lib/index.ts'
import { openServing } from '../serving/index.ts'
import type { Config } from './config/load-config.ts'
import { packageRoot, packageVersion } from './package-info.ts'
import { apiRoutes } from './api-routes.ts'
import { Observer } from './observe.ts'
import { probeRoutes } from './probes.ts'
import { servingOptionsOf, uploadsRoot } from './serving-options.ts'
import { diskUploads } from './uploads.ts'

/** Where a started server answers. */
export interface Addresses {
  readonly http: string
  /** HOST:PORT, the form that gRPC clients take. */
  readonly grpc: string
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

/** Starts the server by its configuration. Everything is constructed here, in order, and nowhere else. */
export const start = async (config: Config, deps: StartDeps): Promise<App> => {
  const { logger, environment, clock = systemClock, random = systemRandom } = deps
  refuseOpenDoor(config)
  await mkdir(uploadsRoot(config), { recursive: true })
  let draining = false
  const observer = new Observer(clock)
  const serving = await openServing(servingOptionsOf(config, environment), {
    clock,
    random,
    defer: deferToCheckPhase,
    logger,
    events: observer.events,
  })
  const statistics = new Statistics(serving.models, clock)
  const predict = openPredict({
    models: serving.models,
    clock,
    limits: {
      deadlineDefaultMs: config.serving['deadline.defaultMs'],
      deadlineMaxMs: config.serving['deadline.maxMs'],
    },
    recorder: observer.recorder(statistics),
    draining: () => draining,
  })
  const threads = new JsonThreads()
  const messages = new GrpcMessages(join(packageRoot, 'proto'))
  const ready = (): boolean => serving.ready && !draining
  const openInference = {
    models: serving.models,
    predict,
    threads,
    statistics,
    messages,
    loads: new ModelLoads(serving.models, diskUploads(uploadsRoot(config))),
    serverName: 'slipway',
    serverVersion: packageVersion,
    threadBytesMin: config.http.jsonThreadBytes,
    jsonDepthMax: config.http.jsonDepthMax,
    ready,
  }
  const doors = { clock, logger, newRequestId: randomUUID }
  const http = new HttpServer(
    { ...config.http, bytesMax: config.http.bodyBytesMax },
    {
      ...doors,
      routes: [
        ...openInferenceRoutes(openInference),
        ...apiRoutes(config, serving),
        ...probeRoutes(ready),
        observer.route,
      ],
    },
  )
  observer.watch(serving, () => http.connections)
  const loaded = serving.start()
  const httpAddress = await http.listen()
  const methods = openInferenceMethods(openInference)
  const services = methods.map((method) => method.service)
  const health = grpcHealth({ codec: (service, method) => messages.codec(service, method), services, ready })
  const grpc = new GrpcServer(
    { ...config.grpc, host: config.http.host, reusePort: config.http.reusePort },
    { ...doors, methods: [...methods, health], definition: messages.definition },
  )
  const grpcAddress = await grpc.listen()
  const addresses = { http: `http://${authority(httpAddress)}`, grpc: authority(grpcAddress) }
  return {
    addresses,
    loaded: loaded.then(() => writeReadyFile(config.app.readyFile, addresses)),
    async stop() {
      draining = true
      const { shutdownTimeoutMs: limitMs, shutdownIdleMs: idleMs } = config.app
      await Promise.all([http.close({ idleMs, limitMs }), grpc.close(limitMs)])
      await serving.close()
      await threads.close()
    },
  }
}

const authority = ({ host, port }: { readonly host: string; readonly port: number }): string =>
  `${isIP(host) === 6 ? `[${host}]` : host}:${port}`

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
