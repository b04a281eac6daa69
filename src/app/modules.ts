import { randomUUID } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { grpcHealth, GrpcServer } from '../api/grpc/index.ts'
import { HttpServer } from '../api/http/index.ts'
import type { GrpcMethodsDeps, OpenInferenceDeps } from '../dialects/open-inference/index.ts'
import {
  GrpcMessages,
  JsonThreads,
  ModelLoads,
  openInferenceMethods,
  openInferenceRoutes,
  Statistics,
} from '../dialects/open-inference/index.ts'
import type { Predict } from '../gateway/index.ts'
import { openPredict } from '../gateway/index.ts'
import { deferToCheckPhase } from '../lib/index.ts'
import type { Clock, Logger, ModuleTable, Random } from '../lib/index.ts'
import { openTracing } from '../monitoring/index.ts'
import type { Tracing } from '../monitoring/index.ts'
import type { Serving } from '../serving/index.ts'
import { openServing } from '../serving/index.ts'
import { apiRoutes } from './api-routes.ts'
import type { Config } from './config/load-config.ts'
import { Observer } from './observe.ts'
import { packageRoot, packageVersion } from './package-info.ts'
import { probeRoutes } from './probes.ts'
import { servingOptionsOf, uploadsRoot } from './serving-options.ts'
import { diskUploads } from './uploads.ts'

/** What modules are given besides one another. */
export interface Environment {
  readonly config: Config
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly variables: Readonly<Record<string, string | undefined>>
  /** Set as soon as the server is told to stop. */
  readonly draining: () => boolean
  /** Resolved with the loading of the models that should be there at start. */
  readonly loading: { resolve(loaded: Promise<void>): void }
}

/** A door once it listens. */
export interface Door {
  readonly host: string
  readonly port: number
}

/** Every module of the server and what it is to the others. */
export interface Parts {
  tracing: Tracing
  observer: Observer
  serving: Serving
  statistics: Statistics
  predict: Predict
  openInference: OpenInferenceDeps & GrpcMethodsDeps
  http: Door
  grpc: Door
}

/** The modules as data: what each needs and how it opens. Nothing else constructs any of them. */
export const modules = (environment: Environment): ModuleTable<Parts> => ({
  ...coreModules(environment),
  ...doorModules(environment),
})

type Doors = 'http' | 'grpc'

const coreModules = (environment: Environment): Omit<ModuleTable<Parts>, Doors> => {
  const { config, clock, random, logger, variables, draining, loading } = environment
  return {
    tracing: {
      needs: [],
      async open() {
        const { otlpEndpoint: endpoint, otlpHeaders: headers, sampleRatio } = config.tracing
        const tracing = await openTracing({ endpoint, headers, sampleRatio, serviceVersion: packageVersion, logger })
        return { value: tracing, stop: () => tracing.close() }
      },
    },
    observer: { needs: ['tracing'], open: ({ tracing }) => ({ value: new Observer(clock, tracing) }) },
    serving: {
      needs: ['observer'],
      async open({ observer }) {
        await mkdir(uploadsRoot(config), { recursive: true })
        const deps = { clock, random, defer: deferToCheckPhase, logger, events: observer.events }
        const serving = await openServing(servingOptionsOf(config, variables), deps)
        // The doors open meanwhile; readiness waits for the models.
        loading.resolve(serving.start())
        return { value: serving, stop: () => serving.close() }
      },
    },
    statistics: {
      needs: ['serving'],
      open: ({ serving }) => ({ value: new Statistics(serving.models, clock) }),
    },
    predict: {
      needs: ['serving', 'statistics', 'observer'],
      open: ({ serving, statistics, observer }) => ({
        value: openPredict({
          models: serving.models,
          clock,
          limits: {
            deadlineDefaultMs: config.serving['deadline.defaultMs'],
            deadlineMaxMs: config.serving['deadline.maxMs'],
          },
          recorder: observer.recorder(statistics),
          draining,
        }),
      }),
    },
    openInference: {
      needs: ['serving', 'statistics', 'predict'],
      open({ serving, statistics, predict }) {
        const threads = new JsonThreads()
        const value = {
          models: serving.models,
          predict,
          threads,
          statistics,
          messages: new GrpcMessages(join(packageRoot, 'proto')),
          loads: new ModelLoads(serving.models, diskUploads(uploadsRoot(config))),
          serverName: 'slipway',
          serverVersion: packageVersion,
          threadBytesMin: config.http.jsonThreadBytes,
          jsonDepthMax: config.http.jsonDepthMax,
          ready: () => serving.ready && !draining(),
        }
        return { value, stop: () => threads.close() }
      },
    },
  }
}

const doorModules = ({ config, clock, logger }: Environment): Pick<ModuleTable<Parts>, Doors> => {
  const doors = { clock, logger, newRequestId: randomUUID }
  return {
    http: {
      needs: ['openInference', 'serving', 'observer'],
      async open({ openInference, serving, observer }) {
        const routes = [
          ...openInferenceRoutes(openInference),
          ...apiRoutes(config, serving),
          ...probeRoutes(openInference.ready),
          observer.route,
        ]
        const server = new HttpServer({ ...config.http, bytesMax: config.http.bodyBytesMax }, { ...doors, routes })
        observer.watch(serving, () => server.connections)
        const { shutdownIdleMs: idleMs, shutdownTimeoutMs: limitMs } = config.app
        return { value: await server.listen(), drain: () => server.close({ idleMs, limitMs }) }
      },
    },
    grpc: {
      needs: ['openInference'],
      async open({ openInference }) {
        const { messages, ready } = openInference
        const methods = openInferenceMethods(openInference)
        const services = methods.map((method) => method.service)
        const health = grpcHealth({ codec: (service, method) => messages.codec(service, method), services, ready })
        const server = new GrpcServer(
          { ...config.grpc, host: config.http.host, reusePort: config.http.reusePort },
          { ...doors, methods: [...methods, health], definition: messages.definition },
        )
        return { value: await server.listen(), drain: () => server.close(config.app.shutdownTimeoutMs) }
      },
    },
  }
}
