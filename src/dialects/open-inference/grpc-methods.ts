import type { InferCall, ParameterValue, Predict } from '../../gateway/index.ts'
import { Cancellation } from '../../lib/index.ts'
import { AppError, fail, requestIdField } from '../../protocol/index.ts'
import type { GrpcCall, GrpcMethod, Permission } from '../../protocol/index.ts'
import { modelConfigToJson } from '../../serving/index.ts'
import type { ModelManager } from '../../serving/index.ts'
import { classesOf, classify } from './classify.ts'
import { explanation } from './explanation.ts'
import { writeGrpcInferReply, writeStreamError, writeStreamReply } from './grpc-reply.ts'
import type { GrpcInferRequest } from './grpc-request.ts'
import { readGrpcInferRequest } from './grpc-request.ts'
import type { GrpcMessages } from './grpc-messages.ts'
import { inferOptions } from './infer-options.ts'
import {
  extensions,
  isModelReady,
  modelMetadata,
  repositoryIndex,
  requireFacts,
  requireStatistics,
} from './metadata.ts'
import type { ModelLoads } from './model-loads.ts'
import { refuseRepository } from './repository-rest.ts'
import { settingMethods } from './settings.ts'
import type { Statistics } from './statistics.ts'

export interface GrpcMethodsDeps {
  readonly models: ModelManager
  readonly predict: Predict
  readonly statistics: Statistics
  readonly loads: ModelLoads
  /** Encodes and decodes the messages that are not on the hot path. */
  readonly messages: GrpcMessages
  readonly serverName: string
  readonly serverVersion: string
  modelsReady(): boolean
}

const service = 'inference.GRPCInferenceService'

type Message = Readonly<Record<string, unknown>>

const textOf = (message: Message, field: string): string => {
  const value = message[field]
  return typeof value === 'string' ? value : ''
}

/** The Open Inference Protocol's gRPC methods with Triton's extensions; the same operations as its REST routes. */
export const openInferenceMethods = (deps: GrpcMethodsDeps): GrpcMethod[] => [
  {
    service,
    method: 'ModelInfer',
    needs: 'model.infer',
    kind: 'unary',
    handle: async (request, call) => inferMessage(deps, readGrpcInferRequest(request), call, unaryInfer),
  },
  {
    service,
    method: 'ModelStreamInfer',
    needs: 'model.infer',
    kind: 'stream',
    handle: (request, call) => streamMessage(deps, request, call),
  },
  ...plainMethods(deps),
  ...settingMethods(service),
]

/** How a method answers. */
interface InferMethod {
  readonly method: string
  /** Of every answer. */
  readonly parameters: Readonly<Record<string, ParameterValue>>
}

const unaryInfer: InferMethod = { method: 'ModelInfer', parameters: {} }
/** Clients of streams wait for the answer that says that it is the last of its request: each has one. */
const streamInfer: InferMethod = { method: 'ModelStreamInfer', parameters: { triton_final_response: true } }

const inferMessage = async (
  deps: GrpcMethodsDeps,
  request: GrpcInferRequest,
  grpc: GrpcCall,
  { method, parameters }: InferMethod,
): Promise<Uint8Array> => {
  const options = inferOptions(request.parameters)
  const cancellation = new Cancellation()
  grpc.onCancel(() => cancellation.cancel())
  const call: InferCall = {
    model: request.model,
    version: request.version,
    id: request.id,
    requestId: grpc.metadata(requestIdField),
    inputs: request.inputs,
    parameters: request.parameters,
    outputs: request.outputs.map((output) => output.name),
    priority: options.priority,
    queueTimeoutMs: options.queueTimeoutMs,
    timeoutMs: grpc.timeoutMs,
    cancellation,
    protocol: 'grpc',
    route: method,
    traceparent: grpc.metadata('traceparent'),
    tracestate: grpc.metadata('tracestate'),
    receivedAtMs: grpc.receivedAtMs,
  }
  const reply = await deps.predict(call)
  const facts = deps.models.get(reply.model, reply.version)?.facts
  const outputs = reply.outputs.map((output) => {
    const k = request.outputs.find((asked) => asked.name === output.name)?.classification ?? 0
    return k === 0 ? output : classify(output, k, classesOf(facts, output.name))
  })
  const explained = options.explain ? explanation(reply.timing) : {}
  return writeGrpcInferReply({ ...reply, outputs }, { ...parameters, ...explained })
}

/** One message of a stream: its failure answers it and leaves the stream open. */
const streamMessage = async (deps: GrpcMethodsDeps, message: Uint8Array, grpc: GrpcCall): Promise<Uint8Array> => {
  let id = ''
  try {
    const request = readGrpcInferRequest(message)
    id = request.id
    return writeStreamReply(await inferMessage(deps, request, grpc, streamInfer))
  } catch (error) {
    if (error instanceof AppError) return writeStreamError(error.message, id)
    throw error
  }
}

interface PlainMethod {
  readonly method: string
  readonly needs: Permission
  run(request: Message): unknown
}

const plainMethods = (deps: GrpcMethodsDeps): GrpcMethod[] =>
  [...healthMethods(deps), ...modelMethods(deps), ...repositoryMethods(deps), ...sharedMemoryMethods].map(
    ({ method, needs, run }) => ({
      service,
      method,
      needs,
      kind: 'unary',
      handle: async (bytes) => {
        const codec = deps.messages.codec(service, method)
        return codec.encode(await run(codec.decode(bytes)))
      },
    }),
  )

const healthMethods = (deps: GrpcMethodsDeps): PlainMethod[] => [
  { method: 'ServerLive', needs: 'server.read', run: () => ({ live: true }) },
  { method: 'ServerReady', needs: 'server.read', run: () => ({ ready: deps.modelsReady() }) },
  {
    method: 'ServerMetadata',
    needs: 'server.read',
    run: () => ({ name: deps.serverName, version: deps.serverVersion, extensions }),
  },
]

const modelMethods = ({ models, statistics }: GrpcMethodsDeps): PlainMethod[] => {
  const target = (request: Message): [string, string] => [textOf(request, 'name'), textOf(request, 'version')]
  return [
    {
      method: 'ModelReady',
      needs: 'model.read',
      run: (request) => ({ ready: isReadyOrUnknown(models, ...target(request)) }),
    },
    { method: 'ModelMetadata', needs: 'model.read', run: (request) => modelMetadata(models, ...target(request)) },
    {
      method: 'ModelConfig',
      needs: 'model.read',
      run: async (request) => ({
        config: modelConfigToJson((await requireFacts(models, ...target(request))).config),
      }),
    },
    {
      method: 'ModelStatistics',
      needs: 'model.read',
      run: async (request) => {
        const [model, version] = target(request)
        if (model === '') return { model_stats: statistics.rows() }
        await requireStatistics(models, model, version)
        return { model_stats: statistics.rows(model, version) }
      },
    },
  ]
}

/** A model that there isn't is not ready, and no error: clients ask before they load it. */
const isReadyOrUnknown: typeof isModelReady = (...target) => {
  try {
    return isModelReady(...target)
  } catch (error) {
    if (error instanceof AppError && error.status === 'not_found') return false
    throw error
  }
}

/** KServe's clients name the model in field 1, which is the repository's in Triton's layout. */
const modelOf = (request: Message): string => {
  const [repository, model] = [textOf(request, 'repository_name'), textOf(request, 'model_name')]
  if (repository !== '' && model !== '') refuseRepository()
  return model || repository
}

const repositoryMethods = ({ models, loads }: GrpcMethodsDeps): PlainMethod[] => [
  {
    method: 'RepositoryIndex',
    needs: 'model.read',
    run: (request) => {
      if (textOf(request, 'repository_name') !== '') refuseRepository()
      return { models: repositoryIndex(models, request['ready'] === true) }
    },
  },
  {
    method: 'RepositoryModelLoad',
    needs: 'model.write',
    run: async (request) => {
      const model = modelOf(request)
      await loads.load(model, loadParameters(request['parameters'] as Readonly<Record<string, Message>>))
      return { model_name: model, is_loaded: true }
    },
  },
  {
    method: 'RepositoryModelUnload',
    needs: 'model.write',
    run: async (request) => {
      const model = modelOf(request)
      await models.unload(model)
      return { model_name: model, is_unloaded: true }
    },
  },
]

const loadParameters = (
  parameters: Readonly<Record<string, Message>>,
): { config: string | undefined; files: Map<string, Uint8Array> } => {
  const files = new Map<string, Uint8Array>()
  let config: string | undefined
  for (const [name, choice] of Object.entries(parameters)) {
    const { string_param: text, bytes_param: bytes } = choice
    if (name === 'config' && typeof text === 'string') config = text
    else if (name.startsWith('file:') && bytes instanceof Uint8Array) files.set(name.slice('file:'.length), bytes)
    else
      throw fail('invalid_request', {
        reason: `load parameter '${name}' is unknown or of the wrong type; known are config (string) and file:VERSION/NAME (bytes)`,
      })
  }
  return { config, files }
}

const refuseSharedMemory = (): never => {
  throw fail('unsupported', { what: 'shared memory (it would let clients name memory of this machine)' })
}

const sharedMemoryMethods: readonly PlainMethod[] = ['SystemSharedMemory', 'CudaSharedMemory'].flatMap(
  (kind): PlainMethod[] => [
    { method: `${kind}Status`, needs: 'server.read', run: () => ({ regions: {} }) },
    { method: `${kind}Register`, needs: 'server.write', run: refuseSharedMemory },
    { method: `${kind}Unregister`, needs: 'server.write', run: () => ({}) },
  ],
)
