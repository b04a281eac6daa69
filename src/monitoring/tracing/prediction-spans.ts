import type { TracedPrediction } from './tracing.ts'
import type { Attributes } from '@opentelemetry/api'

interface Phase {
  readonly name: 'queue' | 'compute'
  /** Unix ms with a fraction. */
  readonly startMs: number
  readonly endMs: number
}

/** When a prediction waited and ran, counted back from its end; both lie within it. None when it failed before or during its run. */
export const predictionPhases = ({ startedAtMs, endedAtMs, timing }: TracedPrediction): readonly Phase[] => {
  if (timing === undefined) return []
  const computedAtMs = endedAtMs - timing.computeMs - timing.transferMs / 2
  const sentAtMs = Math.max(startedAtMs, endedAtMs - timing.computeMs - timing.transferMs)
  return [
    { name: 'queue', startMs: Math.max(startedAtMs, sentAtMs - timing.queueMs), endMs: sentAtMs },
    {
      name: 'compute',
      startMs: Math.max(sentAtMs, computedAtMs),
      endMs: Math.min(endedAtMs, computedAtMs + timing.computeMs),
    },
  ]
}

/** Attributes of a prediction's span by OpenTelemetry's semantic conventions for HTTP and RPC, and Slipway's own. */
export const predictionAttributes = (prediction: TracedPrediction): Attributes => {
  const { model, version, id, protocol, route, timing, error } = prediction
  return {
    'slipway.model': model,
    'slipway.version': version,
    ...(id === '' ? {} : { 'slipway.request.id': id }),
    ...(protocol === 'grpc'
      ? { 'rpc.system': 'grpc', 'rpc.service': 'inference.GRPCInferenceService', 'rpc.method': route }
      : { 'http.request.method': 'POST', 'http.route': route }),
    ...(timing === undefined
      ? {}
      : { 'slipway.batch.rows': timing.batchRows, 'slipway.batch.requests': timing.batchRequests }),
    ...(error === undefined ? {} : { 'error.type': error }),
  }
}
