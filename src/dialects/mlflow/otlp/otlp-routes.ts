import { ProtobufError } from '../../../lib/index.ts'
import { AppError, fail } from '../../../protocol/index.ts'
import type { ErrorShape, Exchange, Reply, Route } from '../../../protocol/index.ts'
import type { Registry } from '../../../registry/index.ts'
import { JsonError } from '../../../tensor/index.ts'
import { decodeJson } from './decode-json.ts'
import { decodeProtobuf } from './decode-protobuf.ts'
import type { OtlpEncoding } from './otlp-reply.ts'
import { exportReply, statusReply } from './otlp-reply.ts'
import type { DecodedSpans } from './received.ts'

const encodings: Readonly<Record<string, OtlpEncoding>> = {
  'application/x-protobuf': 'protobuf',
  'application/protobuf': 'protobuf',
  'application/json': 'json',
}

const encodingOf = (contentType: string | undefined): OtlpEncoding | undefined =>
  encodings[contentType?.split(';')[0]?.trim().toLowerCase() ?? '']

const path = '/v1/traces'

/** Errors that come up before the routes, in the encoding of the request. */
export const otlpErrorShapes: readonly ErrorShape[] = [
  { prefix: path, reply: (error, header) => statusReply(encodingOf(header('content-type')) ?? 'json', error) },
]

const decode = (encoding: OtlpEncoding, body: Uint8Array): DecodedSpans => {
  try {
    return encoding === 'json' ? decodeJson(body) : decodeProtobuf(body)
  } catch (error) {
    if (error instanceof ProtobufError || error instanceof JsonError)
      throw fail('invalid_parameter', { reason: `Invalid OpenTelemetry format: ${error.message}` }, error)
    throw error
  }
}

const receive = async (exchange: Exchange, registry: Registry): Promise<Reply> => {
  const encoding = encodingOf(exchange.header('content-type'))
  if (encoding === undefined) throw fail('unsupported_media_type', { type: exchange.header('content-type') ?? 'none' })
  const experimentId = exchange.header('x-mlflow-experiment-id') ?? ''
  if (experimentId === '')
    throw fail('invalid_parameter', { reason: 'The header x-mlflow-experiment-id must name an experiment.' })
  const decoded = decode(encoding, await exchange.body())
  const total = decoded.spans.length + decoded.rejected
  if (total === 0) throw fail('invalid_parameter', { reason: 'Invalid OpenTelemetry format - no spans found' })
  const runId = exchange.header('x-mlflow-run-id')
  const kept = await registry.spans.log(experimentId, decoded.spans, runId === '' ? undefined : runId)
  const rejected = decoded.rejected + kept.rejected
  const reason = decoded.reason ?? kept.reason
  if (rejected === total) throw fail('invalid_parameter', { reason: `No span could be kept: ${reason}` })
  return exportReply(encoding, { rejected, message: reason })
}

/** OpenTelemetry's protocol for traces over HTTP (OTLP 1.x): the spans go to the experiment that the header names. */
export const otlpRoutes = (registry: Registry): Route[] => [
  {
    method: 'POST',
    path,
    needs: 'registry.write',
    doc: 'Takes the spans of traces in the OpenTelemetry protocol, as protobuf or JSON.',
    async handle(exchange) {
      try {
        return await receive(exchange, registry)
      } catch (error) {
        if (error instanceof AppError) return statusReply(encodingOf(exchange.header('content-type')) ?? 'json', error)
        throw error
      }
    },
  },
]
