import type { Cancellation } from '../lib/index.ts'
import type { Tensor } from '../tensor/index.ts'
import type { BatchReason } from './batcher/batch-queue.ts'
import type { Predictions } from './predictions.ts'

/** One request as the batcher sees it. Inputs are already checked against the signature. */
export interface InferTask {
  /** As the client calls the request, to be named in the log; empty for none. */
  readonly id?: string
  readonly inputs: readonly Tensor[]
  /** Parameters for the model as a JSON object; empty for none. Requests with different ones don't share a run. */
  readonly parameters?: string
  /** Outputs to answer with, in order; empty for all. */
  readonly wanted: readonly string[]
  /** 1 is the most urgent, 0 asks for the model's default level. */
  readonly priority: number
  /** Longest wait in the queue, ms; 0 leaves it to the queue policy of the model. */
  readonly queueTimeoutMs: number
  /** When the caller stops waiting, on the monotonic clock. */
  readonly deadlineMs: number
  readonly cancellation: Cancellation
}

/** Where the time of a request went, and with whom it shared the run. All durations in ms. */
export interface InferTiming {
  readonly queueMs: number
  /** Hand-over to the host and back: framing, socket, scheduling of the process. */
  readonly transferMs: number
  /** The part of it before the engine's run: joining tensors and sending them. */
  readonly inputMs: number
  /** The part after: receiving tensors and dividing them. The way through the socket counts half here, half there. */
  readonly outputMs: number
  /** The engine's run, shared by the whole batch. */
  readonly computeMs: number
  readonly batchRows: number
  readonly batchRequests: number
  /** Why the batch left when it did. */
  readonly reason: BatchReason
}

export interface InferAnswer {
  readonly outputs: readonly Tensor[]
  /** How they were laid out, where the model's engine tells. */
  readonly predictions?: Predictions
  readonly timing: InferTiming
}
