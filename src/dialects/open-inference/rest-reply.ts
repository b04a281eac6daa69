import type { InferReply } from '../../gateway/index.ts'
import type { Cancellation } from '../../lib/index.ts'
import { fail } from '../../protocol/index.ts'
import type { Reply } from '../../protocol/index.ts'
import { jsonBytesAbout } from '../../tensor/index.ts'
import type { Tensor } from '../../tensor/index.ts'
import type { Classes } from './classify.ts'
import { classify } from './classify.ts'
import { explanation } from './explanation.ts'
import type { JsonThreads } from './json-threads.ts'
import { outputJson } from './output-json.ts'
import type { RestInferRequest } from './rest-request.ts'

export interface ReplyOptions {
  readonly explain: boolean
  readonly threads: JsonThreads
  readonly cancellation: Cancellation
  readonly threadBytesMin: number
  /** Most bytes of tensors that are written as JSON. */
  readonly jsonAnswerBytesMax: number
  classesOf(model: string, version: string, output: string): Classes
}

/** Encodes a prediction as the request wants it: each output as JSON or as bytes behind the JSON. */
export const inferReply = async (
  reply: InferReply,
  request: RestInferRequest,
  options: ReplyOptions,
): Promise<Reply> => {
  const binary: Uint8Array[] = []
  let outputs = ''
  let jsonValueBytes = 0
  for (const computed of reply.outputs) {
    const form = request.outputs.find((output) => output.name === computed.name)
    const output =
      form === undefined || form.classification === 0
        ? computed
        : classify(computed, form.classification, options.classesOf(reply.model, reply.version, computed.name))
    const inBinary = form?.binary ?? request.binaryOutputs
    if (outputs !== '') outputs += ','
    outputs += `{"name":${JSON.stringify(output.name)},"datatype":"${output.datatype}","shape":[${output.shape.join(',')}]`
    if (inBinary) {
      outputs += `,"parameters":{"binary_data_size":${output.data.length}}}`
      binary.push(output.data)
    } else {
      jsonValueBytes += output.data.length
      requireFits(jsonValueBytes, options.jsonAnswerBytesMax)
      outputs += `,"data":${await jsonData(output, reply.model, options)}}`
    }
  }
  const head = `{"model_name":${JSON.stringify(reply.model)},"model_version":${JSON.stringify(reply.version)}`
  const id = reply.id === '' ? '' : `,"id":${JSON.stringify(reply.id)}`
  const parameters = options.explain ? `,"parameters":${JSON.stringify(explanation(reply.timing))}` : ''
  const json = `${head}${id}${parameters},"outputs":[${outputs}]}`
  if (!binary.some((piece) => piece.length > 0)) return { status: 200, contentType: 'application/json', body: json }
  const jsonBytes = Buffer.from(json)
  return {
    status: 200,
    contentType: 'application/octet-stream',
    headers: { 'inference-header-content-length': String(jsonBytes.length) },
    body: [jsonBytes, ...binary],
  }
}

const requireFits = (bytes: number, limitBytes: number): void => {
  if (bytes <= limitBytes) return
  const what = `an answer of ${bytes} bytes as JSON (ask for it with "binary_data_output", or by gRPC)`
  throw fail('payload_too_large', { what, limitBytes })
}

const jsonData = (output: Tensor, owner: string, options: ReplyOptions): string | Promise<string> =>
  jsonBytesAbout(output) > options.threadBytesMin
    ? options.threads.encode(output, { owner, cancellation: options.cancellation })
    : outputJson(output)
