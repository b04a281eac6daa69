import type { Cancellation } from '../lib/index.ts'
import type { Tensor } from '../tensor/index.ts'
import type { InferTiming, Predictions } from '../serving/index.ts'

/** Values that requests and replies carry beside tensors. */
export type ParameterValue = string | number | boolean | bigint

/** Request parameters as the caller sent them. */
export type Parameters = ReadonlyMap<string, ParameterValue | readonly ParameterValue[]>

/** A body that the model reads itself, and how it is written; `rows` is the JSON of `/predict`. */
interface CallDocument {
  readonly form: 'json' | 'csv' | 'rows'
  readonly body: Uint8Array
}

/** One prediction request, whatever protocol brought it. */
export interface InferCall {
  readonly model: string
  /** Empty or undefined: the newest version that serves. */
  readonly version: string | undefined
  /** Chosen by the client, echoed. */
  readonly id: string
  /** What the client calls the request in its header, for the log; `id` goes before. */
  readonly requestId?: string | undefined
  readonly inputs: readonly Tensor[]
  /** Those that the model declares reach it; the others are none of its business. */
  readonly parameters?: Parameters
  /** Which elements of an input are null, by its name, a byte for each: what a tensor can't say of itself. */
  readonly nulls?: ReadonlyMap<string, Uint8Array>
  /** In place of inputs, nulls and parameters. */
  readonly document?: CallDocument
  /** Names of the outputs to answer with; empty for all. */
  readonly outputs: readonly string[]
  readonly priority: number
  /** Longest wait in the queue that the client asks for, ms; 0 for none. */
  readonly queueTimeoutMs: number
  /** How long the client waits in all, ms; undefined for the server's default. */
  readonly timeoutMs: number | undefined
  readonly cancellation: Cancellation
  readonly protocol: 'http' | 'grpc'
  /** Path of the HTTP route, or name of the gRPC method. */
  readonly route: string
  /** W3C traceparent of the caller, as received. */
  readonly traceparent: string | undefined
  /** W3C tracestate of the caller, as received. */
  readonly tracestate?: string | undefined
  readonly receivedAtMs: number
}

export interface InferReply {
  readonly model: string
  readonly version: string
  readonly id: string
  readonly outputs: readonly Tensor[]
  /** How they were laid out, where the model's engine tells. */
  readonly predictions?: Predictions
  readonly timing: InferTiming
}
