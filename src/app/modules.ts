import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ByteBudget } from '../api/budget/index.ts'
import { grpcHealth, GrpcServer, reflection } from '../api/grpc/index.ts'
import { HttpServer } from '../api/http/index.ts'
import type { GrpcMethodsDeps, MessageCodec, OpenInferenceDeps } from '../dialects/open-inference/index.ts'
import {
  GrpcMessages,
  isAnyBroken,
  JsonThreads,
  ModelLoads,
  openInferenceMethods,
  openInferenceRoutes,
  Statistics,
} from '../dialects/open-inference/index.ts'
import type { Endpoints } from '../delivery/index.ts'
import { ScoringTables, scoringRoutes } from '../dialects/scoring/index.ts'
import type { ScoringDeps } from '../dialects/scoring/index.ts'
import type { Predict } from '../gateway/index.ts'
import { openPythonEnvironments } from '../adapters/python-env/index.ts'
import { openPredict } from '../gateway/index.ts'
import { deferToCheckPhase, whyUnreadable } from '../lib/index.ts'
import type { Clock, Logger, ModuleTable, Random } from '../lib/index.ts'
import { openTracing, PredictionLog } from '../monitoring/index.ts'
import type { Tracing } from '../monitoring/index.ts'
import type { Serving } from '../serving/index.ts'
import { openServing } from '../serving/index.ts'
import { artifactRoutes, errorShapes, multipartRoutes, serverRoutes } from '../dialects/mlflow/index.ts'
import type { BlobStore } from '../ports/index.ts'
import { AppError } from '../protocol/index.ts'
import type { Route } from '../protocol/index.ts'
import { parseAllowed } from '../registry/index.ts'
import type { KeylessOptions, PemFile } from '../registry/index.ts'
import { apiRoutes } from './api-routes.ts'
import type { Config } from './config/load-config.ts'
import { Observer } from './observe.ts'
import { packageRoot, packageVersion } from './package-info.ts'
import { probeRoutes } from './probes.ts'
import { pythonOptionsOf, servingOptionsOf, uploadsRoot } from './serving-options.ts'
import { openArtifacts } from './registry/open-artifacts.ts'
import type { RegistryThread } from './registry/open-registry-thread.ts'
import { openRegistryThread } from './registry/open-registry-thread.ts'
import { ConfiguredEndpoints } from './configured-endpoints.ts'
import { checkModelFolders } from './model-folders.ts'
import { openEndpoints } from './open-endpoints.ts'
import type { RegistryThreadData } from './registry/thread-messages.ts'
import { openWebhookKey } from './registry/webhook-key.ts'
import { diskUploads, tidyUploads } from './uploads.ts'

/** What modules are given besides one another. */
export interface Environment {
  readonly config: Config
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly variables: Readonly<Record<string, string | undefined>>
  /** Set as soon as the server is told to stop. */
  readonly draining: () => boolean
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
  /** Whether every door takes requests. */
  ready: () => boolean
  tables: ScoringTables
  openInference: OpenInferenceDeps & GrpcMethodsDeps & { ready(): boolean }
  scoring: ScoringDeps
  blobs: BlobStore
  registry: RegistryThread
  endpoints: Endpoints
  configuredEndpoints: ConfiguredEndpoints
  /** What every door of HTTP serves. */
  routes: readonly Route[]
  http: Door
  /** Undefined when it is off, or when another program has the port. */
  mlflow: Door | undefined
  grpc: Door
}

/** The modules as data: what each needs and how it opens. Nothing else constructs any of them. */
export const modules = (environment: Environment): ModuleTable<Parts> => ({
  ...coreModules(environment),
  ...keepingModules(environment),
  ...scoringModules(environment),
  ...routesModule(environment),
  ...doorModules(environment),
})

type Keeping = 'blobs' | 'registry' | 'endpoints' | 'configuredEndpoints'
type Scoring = 'ready' | 'tables' | 'scoring'
type Doors = 'http' | 'mlflow' | 'grpc'

const artifactsPlace = ({ app }: Config): string =>
  app.artifacts === '' ? join(app.dataDir, 'artifacts') : app.artifacts

/** What is kept: artifacts, and the registry beside them. */
const keepingModules = ({ config, clock, random, logger }: Environment): Pick<ModuleTable<Parts>, Keeping> => ({
  blobs: {
    needs: [],
    async open() {
      const place = artifactsPlace(config)
      const open = (sweep: boolean): Promise<BlobStore> => openArtifacts(place, { clock, newId, sweep })
      const blobs = await open(true).catch((error: unknown) => {
        if (!(error instanceof AppError) || error.code !== 'storage_unavailable') throw error
        // Why: models are served without their registry, and a bucket that is away now may come back.
        logger.warn('artifacts.unavailable', { error })
        return open(false)
      })
      return { value: blobs, stop: () => blobs.close() }
    },
  },
  registry: {
    needs: [],
    async open() {
      const registry = await openRegistryThread(
        {
          database: config.app.database === '' ? join(config.app.dataDir, 'slipway.db') : config.app.database,
          artifacts: artifactsPlace(config),
          signing: {
            mode: config.registry.signing,
            keys: await pemFiles('registry.signingKeys', config.registry.signingKeys),
            roots: await pemFiles('registry.signingRoots', config.registry.signingRoots),
            keyless: await keylessOf(config),
          },
          gc: {
            everyMs: config.registry['gc.everyMs'],
            olderThanMs: config.registry['gc.olderThanMs'],
          },
          webhooks: webhooksOf(config),
        },
        { logger, clock, random },
      )
      return { value: registry, stop: () => registry.close() }
    },
  },
  endpoints: {
    needs: ['blobs', 'registry', 'serving', 'tables'],
    open({ blobs, registry, serving, tables }) {
      const value = openEndpoints(config, { blobs, registry, serving, tables, clock, random, logger })
      // Why sooner than the doors: what becomes of a move is told before its connection is cut.
      const drain = (): Promise<void> => value.drain(config.app.shutdownTimeoutMs * 0.9)
      return { value, drain, stop: () => Promise.resolve(value.stop()) }
    },
  },
  configuredEndpoints: {
    needs: ['registry'],
    open({ registry }) {
      const make = (name: string, reference: string) =>
        registry.endpoints.putEndpoint(name, reference, { name: 'configuration' })
      const value = new ConfiguredEndpoints({ wanted: config.delivery.endpoints, make, clock, random, logger })
      return { value, stop: () => Promise.resolve(value.stop()) }
    },
  },
})

const openObserver = ({ config, clock, logger }: Environment, tracing: Tracing): Observer => {
  const log = new PredictionLog(logger, clock, { answeredRatio: config.log.predictionRatio })
  return new Observer(clock, tracing, log)
}

const coreModules = (environment: Environment): Omit<ModuleTable<Parts>, Keeping | Scoring | 'routes' | Doors> => {
  const { config, clock, random, logger, variables, draining } = environment
  return {
    tracing: {
      needs: [],
      async open() {
        const { otlpEndpoint: endpoint, otlpHeaders: headers, sampleRatio } = config.tracing
        const tracing = await openTracing({ endpoint, headers, sampleRatio, serviceVersion: packageVersion, logger })
        return { value: tracing, stop: () => tracing.close() }
      },
    },
    observer: {
      needs: ['tracing'],
      open: ({ tracing }) => ({ value: openObserver(environment, tracing) }),
    },
    serving: {
      needs: ['observer'],
      async open({ observer }) {
        // Why: beside another server of the folder, an upload that looks left behind may be under way.
        if (!config.http.reusePort) await tidyUploads(uploadsRoot(config))
        const pythons = openPythonEnvironments(pythonOptionsOf(config, variables), { clock, logger })
        await checkModelFolders(config, logger)
        const deps = { clock, random, defer: deferToCheckPhase, logger, events: observer.events, pythons }
        const serving = await openServing(servingOptionsOf(config, variables), deps)
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
          newRequestId: randomUUID,
          draining,
        }),
      }),
    },
    openInference: {
      needs: ['serving', 'statistics', 'predict', 'ready'],
      open({ serving, statistics, predict, ready }) {
        const threads = new JsonThreads()
        const value = {
          models: serving.models,
          predict,
          threads,
          statistics,
          messages: new GrpcMessages(join(packageRoot, 'proto')),
          loads: new ModelLoads(serving, diskUploads(uploadsRoot(config))),
          serverName: 'slipway',
          serverVersion: packageVersion,
          threadBytesMin: config.http.jsonThreadBytes,
          jsonAnswerBytesMax: config.http.jsonAnswerBytesMax,
          jsonDepthMax: config.http.jsonDepthMax,
          ready,
          modelsReady: () => ready() && !(config.serving.strictReadiness && isAnyBroken(serving.models)),
        }
        return { value, stop: () => threads.close() }
      },
    },
  }
}

const scoringModules = ({ config, draining }: Environment): Pick<ModuleTable<Parts>, Scoring> => ({
  ready: {
    needs: ['serving', 'endpoints', 'configuredEndpoints'],
    open: ({ serving, endpoints }) => ({ value: () => serving.ready && endpoints.ready && !draining() }),
  },
  tables: {
    needs: [],
    open() {
      const { jsonThreadBytes, jsonAnswerBytesMax, jsonDepthMax } = config.http
      const value = new ScoringTables({ threadBytesMin: jsonThreadBytes, jsonAnswerBytesMax, jsonDepthMax })
      return { value, stop: () => value.close() }
    },
  },
  scoring: {
    needs: ['serving', 'predict', 'tables', 'ready'],
    open: ({ serving, predict, tables, ready }) => ({
      value: { models: serving.models, predict, tables, ready, defaultModel: config.serving.defaultModel },
    }),
  },
})

/** A file that an option names. Throws what stops the start. */
const optionFile = (option: string, path: string): Promise<string> =>
  readFile(path, 'utf8').catch((error: unknown) => {
    throw new Error(`${option}: '${path}' can't be read: ${whyUnreadable(error)}`, { cause: error })
  })

const pemFiles = (option: string, paths: readonly string[]): Promise<PemFile[]> =>
  Promise.all(paths.map(async (name) => ({ name, pem: await optionFile(option, name) })))

const keylessOf = async ({ registry }: Config): Promise<KeylessOptions | undefined> => {
  const { signingTrustedRoot: name, signingIdentities: identities } = registry
  if (name !== '') return { root: { name, text: await optionFile('registry.signingTrustedRoot', name) }, identities }
  if (identities.length === 0) return undefined
  throw new Error('registry.signingIdentities needs registry.signingTrustedRoot, which says whose word on them counts')
}

/** Throws what is wrong with the options here, where it stops the start. */
const webhooksOf = ({ app, registry }: Config): RegistryThreadData['webhooks'] => {
  const given = registry['webhooks.keyFile']
  const file = given === '' ? join(app.dataDir, 'webhooks.key') : given
  const key = { key: registry['webhooks.key'], file, isMade: given === '' }
  const allow = registry['webhooks.allow']
  parseAllowed(allow)
  openWebhookKey(key, newId)
  return { allow, key }
}

const mlflowPort = (text: string): number | undefined => {
  if (text === 'off') return undefined
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65535) return Number(text)
  throw new Error(`--mlflow-port takes a port or off, not '${text}'`)
}

/** 32 hex digits. */
const newId = (): string => randomUUID().replaceAll('-', '')

/** What the doors of HTTP serve, as one table. */
const routesModule = ({ config }: Environment): Pick<ModuleTable<Parts>, 'routes'> => ({
  routes: {
    needs: ['openInference', 'scoring', 'serving', 'observer', 'registry', 'blobs'],
    open({ openInference, scoring, serving, observer, registry, blobs }) {
      const { uploadBytesMax } = config.http
      const kept = { artifacts: registry.artifacts, blobs, uploadBytesMax }
      const value = [
        ...openInferenceRoutes(openInference),
        ...scoringRoutes(scoring),
        ...apiRoutes(config, serving),
        ...probeRoutes(openInference.ready),
        ...serverRoutes({ presignsDownloads: blobs.presignRead !== undefined }),
        ...registry.routes,
        ...artifactRoutes(kept),
        ...multipartRoutes({ ...kept, publicUrl: config.mlflow.publicUrl }),
        observer.route,
      ]
      return { value }
    },
  },
})

const doorModules = ({ config, clock, logger }: Environment): Pick<ModuleTable<Parts>, Doors> => {
  const doors = { clock, logger, newRequestId: randomUUID, errorShapes }
  const options = { ...config.http, bytesMax: config.http.bodyBytesMax }
  // Why at least twice: the largest body must fit beside the part that is kept for small ones.
  const bodies = new ByteBudget(
    Math.max(config.http.bufferedBytesMax, 2 * config.http.bodyBytesMax),
    'bodies of requests (http.bufferedBytesMax)',
  )
  const closing = { idleMs: config.app.shutdownIdleMs, limitMs: config.app.shutdownTimeoutMs }
  return {
    http: {
      needs: ['routes', 'serving', 'observer'],
      async open({ routes, serving, observer }) {
        const server = new HttpServer(options, { ...doors, bodies, routes })
        observer.watch(serving, () => server.connections)
        return { value: await server.listen(), drain: () => server.close(closing) }
      },
    },
    mlflow: {
      needs: ['routes'],
      async open({ routes }) {
        const port = mlflowPort(config.mlflow.port)
        if (port === undefined) return { value: undefined }
        const server = new HttpServer({ ...options, port }, { ...doors, bodies, routes })
        try {
          return { value: await server.listen(), drain: () => server.close(closing) }
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
          logger.warn('mlflow.port_taken', {
            port,
            hint: 'point MLFLOW_TRACKING_URI at the main port, or set --mlflow-port',
          })
          return { value: undefined }
        }
      },
    },
    grpc: {
      needs: ['openInference'],
      async open({ openInference }) {
        const { messages, ready } = openInference
        const methods = openInferenceMethods(openInference)
        const services = methods.map((method) => method.service)
        const codec = (service: string, method: string): MessageCodec => messages.codec(service, method)
        const server = new GrpcServer(
          { ...config.grpc, host: config.http.host, reusePort: config.http.reusePort },
          {
            ...doors,
            methods: [
              ...methods,
              ...grpcHealth({ codec, services, clock, ready }),
              ...reflection(() => messages.definition),
            ],
          },
        )
        return { value: await server.listen(), drain: () => server.close(config.app.shutdownTimeoutMs) }
      },
    },
  }
}
