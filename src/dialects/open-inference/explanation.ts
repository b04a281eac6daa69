import type { InferTiming } from '../../serving/index.ts'

/** Why a request took its time, as parameters of its reply. Durations in ms. */
export const explanation = (timing: InferTiming): Record<string, number | string> => ({
  slipway_queue_ms: rounded(timing.queueMs),
  slipway_transfer_ms: rounded(timing.transferMs),
  slipway_compute_ms: rounded(timing.computeMs),
  slipway_batch_rows: timing.batchRows,
  slipway_batch_requests: timing.batchRequests,
  slipway_batch_reason: timing.reason,
})

const rounded = (valueMs: number): number => Math.round(valueMs * 1000) / 1000
