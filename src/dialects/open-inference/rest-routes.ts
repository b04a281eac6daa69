import type { Predict } from '../../gateway/index.ts'
import { fail, jsonReply } from '../../protocol/index.ts'
import type { Exchange, Reply, Route } from '../../protocol/index.ts'
import { modelConfigToJson } from '../../serving/index.ts'
import type { ModelManager } from '../../serving/index.ts'
import { classesOf } from './classify.ts'
import { inferRest } from './infer-rest.ts'
import type { JsonThreads } from './json-threads.ts'
import {
  extensions,
  isModelReady,
  modelMetadata,
  repositoryIndex,
  requireFacts,
  requireServed,
  requireStatistics,
} from './metadata.ts'
import type { ModelLoads } from './model-loads.ts'
import { repositoryRoutes } from './repository-rest.ts'
import { settingRoutes } from './settings.ts'
import type { Statistics } from './statistics.ts'

export interface OpenInferenceDeps {
  readonly models: ModelManager
  readonly predict: Predict
  readonly threads: JsonThreads
  readonly statistics: Statistics
  readonly loads: ModelLoads
  readonly serverName: string
  readonly serverVersion: string
  readonly threadBytesMin: number
  readonly jsonAnswerBytesMax: number
  readonly jsonDepthMax: number
  /** Whether the server takes requests and, where its operator asks for that, no model is broken. */
  modelsReady(): boolean
}

/** The Open Inference Protocol's REST routes with Triton's extensions. */
export const openInferenceRoutes = (deps: OpenInferenceDeps): Route[] => {
  const { models } = deps
  return [
    {
      method: 'GET',
      path: '/v2',
      needs: 'server.read',
      doc: 'Server metadata: name, version, extensions.',
      handle: () => jsonReply({ name: deps.serverName, version: deps.serverVersion, extensions }),
    },
    {
      method: 'GET',
      path: '/v2/health/live',
      needs: 'server.read',
      doc: 'Whether the server process works.',
      handle: () => jsonReply({ live: true }),
    },
    {
      method: 'GET',
      path: '/v2/health/ready',
      needs: 'server.read',
      doc: 'Whether the server takes requests: 503 while it starts or shuts down and, with serving.strictReadiness, while a model is broken.',
      handle: () => {
        const ready = deps.modelsReady()
        return jsonReply({ live: true, ready }, ready ? 200 : 503)
      },
    },
    {
      method: 'GET',
      path: '/v2/models',
      needs: 'model.read',
      doc: 'Names of the models that are ready.',
      handle: () => jsonReply({ models: [...new Set(repositoryIndex(models, true).map((row) => row.name))] }),
    },
    ...modelRoutes(deps),
    ...repositoryRoutes(deps),
    ...sharedMemoryRoutes,
    ...settingRoutes,
  ]
}

/** The same route with and without a version in its path. */
const versioned = (route: Omit<Route, 'path'> & { readonly suffix: string }): Route[] => {
  const { suffix, ...rest } = route
  return [
    { ...rest, path: `/v2/models/{model}${suffix}` },
    { ...rest, path: `/v2/models/{model}/versions/{version}${suffix}` },
  ]
}

const modelRoutes = (deps: OpenInferenceDeps): Route[] => {
  const { models, statistics } = deps
  const infer = inferRest({
    predict: deps.predict,
    threads: deps.threads,
    threadBytesMin: deps.threadBytesMin,
    jsonAnswerBytesMax: deps.jsonAnswerBytesMax,
    jsonDepthMax: deps.jsonDepthMax,
    inputsOf: async (model, version) => (await requireServed(models, model, version)).facts.signature.inputs,
    isServing: (model, version) => models.get(model, version) !== undefined,
    classesOf: (model, version, output) => classesOf(models.get(model, version)?.facts, output),
  })
  const target = (exchange: Exchange): [string, string | undefined] => [
    exchange.params['model'] ?? '',
    exchange.params['version'],
  ]
  return [
    ...versioned({
      method: 'GET',
      suffix: '',
      needs: 'model.read',
      doc: 'Model metadata: versions, inputs, outputs.',
      handle: async (exchange) => jsonReply(await modelMetadata(models, ...target(exchange))),
    }),
    ...versioned({
      method: 'GET',
      suffix: '/ready',
      needs: 'model.read',
      doc: 'Whether the model answers requests: 503 when not.',
      handle: (exchange) => {
        const ready = isModelReady(models, ...target(exchange))
        return jsonReply({ name: exchange.params['model'], ready }, ready ? 200 : 503)
      },
    }),
    ...versioned({
      method: 'GET',
      suffix: '/config',
      needs: 'model.read',
      doc: 'Model configuration as JSON, completed from the model.',
      handle: async (exchange) =>
        jsonReply(modelConfigToJson((await requireFacts(models, ...target(exchange))).config)),
    }),
    ...versioned({
      method: 'GET',
      suffix: '/stats',
      needs: 'model.read',
      doc: 'Inference statistics since the model was loaded.',
      handle: async (exchange) => {
        const [model, version] = target(exchange)
        await requireStatistics(models, model, version)
        return jsonReply({ model_stats: statistics.rows(model, version) })
      },
    }),
    {
      method: 'GET',
      path: '/v2/models/stats',
      needs: 'model.read',
      doc: 'Inference statistics of every model.',
      handle: () => jsonReply({ model_stats: statistics.rows() }),
    },
    ...versioned({
      method: 'POST',
      suffix: '/infer',
      needs: 'model.infer',
      doc: 'Inference; JSON or the binary tensor extension, gzip and deflate.',
      handle: infer,
    }),
  ]
}

const refuseSharedMemory = (): Reply => {
  throw fail('unsupported', { what: 'shared memory (it would let clients name memory of this machine)' })
}

/** Clients probe these; they get a clear answer instead of a missing path. */
const sharedMemoryRoutes: readonly Route[] = ['systemsharedmemory', 'cudasharedmemory'].flatMap((kind): Route[] => [
  {
    method: 'GET',
    path: `/v2/${kind}/status`,
    needs: 'server.read',
    doc: 'Always empty: no region can be registered.',
    handle: () => jsonReply([]),
  },
  {
    method: 'GET',
    path: `/v2/${kind}/region/{region}/status`,
    needs: 'server.read',
    doc: 'Refused with 501.',
    handle: refuseSharedMemory,
  },
  {
    method: 'POST',
    path: `/v2/${kind}/region/{region}/register`,
    needs: 'server.write',
    doc: 'Refused with 501.',
    handle: refuseSharedMemory,
  },
  {
    method: 'POST',
    path: `/v2/${kind}/region/{region}/unregister`,
    needs: 'server.write',
    doc: 'Nothing can be registered: does nothing.',
    handle: () => jsonReply({}),
  },
  {
    method: 'POST',
    path: `/v2/${kind}/unregister`,
    needs: 'server.write',
    doc: 'Nothing can be registered: does nothing.',
    handle: () => jsonReply({}),
  },
])
