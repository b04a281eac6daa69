/** One prediction as a trace tells it. Times are Unix ms with a fraction; phases follow one another from the start. */
export interface TracedPrediction {
  readonly model: string
  readonly version: string
  readonly id: string
  readonly protocol: 'http' | 'grpc'
  /** Path of the HTTP route, or name of the gRPC method. */
  readonly route: string
  /** W3C traceparent of the caller, as received. */
  readonly traceparent: string | undefined
  /** W3C tracestate of the caller, as received. */
  readonly tracestate: string | undefined
  readonly startedAtMs: number
  readonly endedAtMs: number
  /** Absent when the prediction failed before or during its run. */
  readonly timing:
    | {
        readonly queueMs: number
        readonly transferMs: number
        readonly computeMs: number
        readonly batchRows: number
        readonly batchRequests: number
      }
    | undefined
  /** Error code of a prediction that failed. */
  readonly error: string | undefined
}

/** Where traces go. */
export interface Tracing {
  record(prediction: TracedPrediction): void
  /** Sends what is held back, as far as the collector takes it in time. */
  close(): Promise<void>
}

export const noTracing: Tracing = {
  record() {},
  close: () => Promise.resolve(),
}
