import type { InferCall, ParameterValue, Predict } from '../../gateway/index.ts'
import { Cancellation } from '../../lib/index.ts'
import { fail, requestIdField } from '../../protocol/index.ts'
import type { Exchange, Reply } from '../../protocol/index.ts'
import type { TensorSpec } from '../../tensor/index.ts'
import type { JsonCaller, JsonThreads } from './json-threads.ts'
import { callerTimeout } from './caller-timeout.ts'
import type { Classes } from './classify.ts'
import { requireInferType } from './infer-type.ts'
import { inferOptions } from './infer-options.ts'
import { rawInput } from './raw-input.ts'
import { decodeInferJson } from './rest-decode.ts'
import { inferReply } from './rest-reply.ts'
import type { RestInferRequest } from './rest-request.ts'

export interface InferRestDeps {
  readonly predict: Predict
  readonly threads: JsonThreads
  /** JSON above this is decoded and encoded off the main thread. */
  readonly threadBytesMin: number
  readonly jsonAnswerBytesMax: number
  readonly jsonDepthMax: number
  /** Inputs of a model, for the raw form of a request, which doesn't name them. */
  inputsOf(model: string, version: string | undefined): Promise<readonly TensorSpec[]>
  classesOf(model: string, version: string, output: string): Classes
  isServing(model: string, version: string | undefined): boolean
}

const headerLengthName = 'inference-header-content-length'
/** Models that don't serve share one turn: any number of names can be made up. */
const nobodysModel = ''

/** `POST /v2/models/{model}[/versions/{version}]/infer`, with JSON, binary, mixed or raw tensors. */
export const inferRest =
  (deps: InferRestDeps) =>
  async (exchange: Exchange): Promise<Reply> => {
    requireInferType(exchange.header('content-type'), exchange.header(headerLengthName))
    const cancellation = new Cancellation()
    exchange.onAbort(() => cancellation.cancel())
    const body = await exchange.body()
    const model = exchange.params['model'] ?? ''
    const version = exchange.params['version']
    const caller = { owner: deps.isServing(model, version) ? model : nobodysModel, cancellation }
    const request = await readRequest(deps, exchange, { body, caller })
    const options = inferOptions(request.parameters)
    const call: InferCall = {
      model,
      version,
      id: request.id,
      requestId: exchange.header(requestIdField),
      inputs: request.inputs,
      parameters: request.parameters,
      outputs: request.outputs.map((output) => output.name),
      priority: options.priority,
      queueTimeoutMs: options.queueTimeoutMs,
      timeoutMs: callerTimeout(exchange.header('slipway-timeout-ms')),
      cancellation,
      protocol: 'http',
      route: exchange.route,
      traceparent: exchange.header('traceparent'),
      tracestate: exchange.header('tracestate'),
      receivedAtMs: exchange.receivedAtMs,
    }
    const reply = await deps.predict(call)
    return inferReply(reply, request, {
      explain: options.explain || exchange.header('slipway-explain') === 'true',
      threads: deps.threads,
      cancellation,
      threadBytesMin: deps.threadBytesMin,
      jsonAnswerBytesMax: deps.jsonAnswerBytesMax,
      classesOf: deps.classesOf,
    })
  }

interface Arrived {
  readonly body: Uint8Array
  readonly caller: JsonCaller
}

const readRequest = async (deps: InferRestDeps, exchange: Exchange, arrived: Arrived): Promise<RestInferRequest> => {
  const { body } = arrived
  const length = exchange.header(headerLengthName)
  if (length === undefined) return decode(deps, arrived, body.length)
  if (!/^\d{1,15}$/.test(length))
    throw fail('invalid_request', {
      reason: `${headerLengthName} must be a whole number, not '${length.slice(0, 40)}'`,
    })
  const jsonBytes = Number(length)
  if (jsonBytes > body.length) {
    throw fail('invalid_request', {
      reason: `${headerLengthName} is ${jsonBytes} but the body has only ${body.length} bytes`,
    })
  }
  if (jsonBytes > 0) return decode(deps, arrived, jsonBytes)
  const specs = await deps.inputsOf(exchange.params['model'] ?? '', exchange.params['version'])
  return { id: '', parameters: noParameters, inputs: [rawInput(specs, body)], outputs: [], binaryOutputs: true }
}

const noParameters: ReadonlyMap<string, ParameterValue> = new Map()

const decode = (
  deps: InferRestDeps,
  { body, caller }: Arrived,
  jsonBytes: number,
): Promise<RestInferRequest> | RestInferRequest =>
  jsonBytes > deps.threadBytesMin
    ? deps.threads.decode({ body, jsonBytes, depthMax: deps.jsonDepthMax }, caller)
    : decodeInferJson({ body, jsonBytes, depthMax: deps.jsonDepthMax })
