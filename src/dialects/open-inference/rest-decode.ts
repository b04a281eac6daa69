import { fail } from '../../protocol/index.ts'
import { JsonError, LostDigits, parseJson, parseJsonQuick } from '../../tensor/index.ts'
import type { JsonValue } from '../../tensor/index.ts'
import type { RestInferRequest } from './rest-request.ts'
import { readInferRequest } from './rest-request.ts'

export interface InferJson {
  readonly body: Uint8Array
  /** Length of the JSON at the start of the body; tensor bytes follow. */
  readonly jsonBytes: number
  readonly depthMax: number
  /** Above this the exact reader is used at once: the platform's own has no limit on depth or memory. */
  readonly quickBytesMax?: number
}

const quickBytesDefault = 64 * 1024

/** Decodes the body of an inference request. */
export const decodeInferJson = ({
  body,
  jsonBytes,
  depthMax,
  quickBytesMax = quickBytesDefault,
}: InferJson): RestInferRequest => {
  const json = jsonBytes === body.length ? body : body.subarray(0, jsonBytes)
  const binary = body.subarray(jsonBytes)
  if (jsonBytes <= quickBytesMax) {
    try {
      return readInferRequest(
        parse(() => parseJsonQuick(json, { depthMax })),
        binary,
        false,
      )
    } catch (error) {
      if (!(error instanceof LostDigits)) throw error
    }
  }
  return readInferRequest(
    parse(() => parseJson(json, { depthMax })),
    binary,
    true,
  )
}

const parse = (read: () => JsonValue): JsonValue => {
  try {
    return read()
  } catch (error) {
    if (error instanceof JsonError) throw fail('invalid_json', { reason: error.message }, error)
    throw error
  }
}
