import type { InferReply } from '../../gateway/index.ts'
import type { Reply } from '../../protocol/index.ts'
import { encodeJsonData } from '../../tensor/index.ts'
import type { Tensor } from '../../tensor/index.ts'
import { classify } from './classify.ts'
import { explanation } from './explanation.ts'
import type { JsonThreads } from './json-threads.ts'
import type { RestInferRequest } from './rest-request.ts'

export interface ReplyOptions {
  readonly explain: boolean
  readonly threads: JsonThreads
  readonly threadBytesMin: number
  labelsOf(model: string, version: string, output: string): readonly string[]
}

/** Encodes a prediction as the request wants it: each output as JSON or as bytes behind the JSON. */
export const inferReply = async (
  reply: InferReply,
  request: RestInferRequest,
  options: ReplyOptions,
): Promise<Reply> => {
  const binary: Uint8Array[] = []
  let outputs = ''
  for (const computed of reply.outputs) {
    const form = request.outputs.find((output) => output.name === computed.name)
    const output =
      form === undefined || form.classification === 0
        ? computed
        : classify(computed, form.classification, options.labelsOf(reply.model, reply.version, computed.name))
    const inBinary = form?.binary ?? request.binaryOutputs
    if (outputs !== '') outputs += ','
    outputs += `{"name":${JSON.stringify(output.name)},"datatype":"${output.datatype}","shape":[${output.shape.join(',')}]`
    if (inBinary) {
      outputs += `,"parameters":{"binary_data_size":${output.data.length}}}`
      binary.push(output.data)
    } else {
      outputs += `,"data":${await jsonData(output, options)}}`
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

const jsonData = (output: Tensor, options: ReplyOptions): string | Promise<string> =>
  output.data.length > options.threadBytesMin ? options.threads.encode(output) : encodeJsonData(output)
