import { ProtobufWriter } from '../../../lib/index.ts'
import type { AppError, Reply } from '../../../protocol/index.ts'
import { errorRow, statusTable } from '../../../protocol/index.ts'

export type OtlpEncoding = 'protobuf' | 'json'

const contentTypes = { protobuf: 'application/x-protobuf', json: 'application/json' } as const

/** An ExportTraceServiceResponse; with `partial_success` when spans were rejected, or for a warning. */
export const exportReply = (
  encoding: OtlpEncoding,
  { rejected, message }: { readonly rejected: number; readonly message: string | undefined },
): Reply => {
  const isPartial = rejected > 0 || message !== undefined
  const contentType = contentTypes[encoding]
  if (encoding === 'json') {
    const partial = { rejectedSpans: String(rejected), errorMessage: message ?? '' }
    return { status: 200, contentType, body: JSON.stringify(isPartial ? { partialSuccess: partial } : {}) }
  }
  const writer = new ProtobufWriter()
  if (isPartial)
    writer.message(1, (partial) => {
      if (rejected > 0) partial.int64(1, rejected)
      partial.string(2, message ?? '')
    })
  return { status: 200, contentType, body: writer.finish() }
}

/** An error as google.rpc.Status, in the encoding of the request. */
export const statusReply = (encoding: OtlpEncoding, error: AppError): Reply => {
  const { http, grpc } = statusTable[error.status]
  const { retryAfterMs } = errorRow(error.code)
  return {
    status: http,
    contentType: contentTypes[encoding],
    headers: {
      'slipway-error': error.code,
      ...(retryAfterMs === undefined ? {} : { 'retry-after': String(Math.ceil(retryAfterMs / 1000)) }),
    },
    body:
      encoding === 'json'
        ? JSON.stringify({ code: grpc, message: error.message })
        : new ProtobufWriter().int64(1, grpc).string(2, error.message).finish(),
  }
}
