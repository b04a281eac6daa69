import type { Context, Tracer } from '@opentelemetry/api'
import { createTraceState, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace, TraceFlags } from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { resourceFromAttributes } from '@opentelemetry/resources'
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace'
import type { Logger } from '../../lib/index.ts'
import { predictionAttributes, predictionPhases } from './prediction-spans.ts'
import type { TracedPrediction, Tracing } from './tracing.ts'
import { parseTraceparent } from './traceparent.ts'

export interface OtlpOptions {
  /** Base URL of the collector; traces go to its /v1/traces. */
  readonly endpoint: string
  /** Each NAME=VALUE. */
  readonly headers: readonly string[]
  readonly sampleRatio: number
  readonly serviceVersion: string
  readonly logger: Logger
}

/** Spans beyond this many waiting to be sent are dropped: a slow collector must not cost memory. */
const queueSpansMax = 4096
const exportTimeoutMs = 10_000

/** Sends a span for each prediction, with children for its time in the queue and its run, to an OpenTelemetry collector by OTLP over HTTP. */
export const openOtlpTracing = (options: OtlpOptions): Tracing => {
  const exporter = new OTLPTraceExporter({
    url: `${options.endpoint.replace(/\/$/, '')}/v1/traces`,
    headers: Object.fromEntries(options.headers.map((header) => splitHeader(header))),
    timeoutMillis: exportTimeoutMs,
  })
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'slipway', 'service.version': options.serviceVersion }),
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(options.sampleRatio) }),
    spanProcessors: [new BatchSpanProcessor({ exporter, maxQueueSize: queueSpansMax })],
  })
  const tracer = provider.getTracer('slipway')
  return {
    record: (prediction) => recordPrediction(tracer, prediction),
    async close() {
      await provider
        .shutdown()
        .catch((error: unknown) => options.logger.warn('tracing.close', { error: String(error) }))
    },
  }
}

const splitHeader = (header: string): [string, string] => {
  const at = header.indexOf('=')
  return at < 0 ? [header, ''] : [header.slice(0, at), header.slice(at + 1)]
}

const recordPrediction = (tracer: Tracer, prediction: TracedPrediction): void => {
  const context = parentContext(prediction)
  const { startedAtMs, endedAtMs, error } = prediction
  const span = tracer.startSpan(
    `infer ${prediction.model}`,
    { kind: SpanKind.SERVER, startTime: startedAtMs, attributes: predictionAttributes(prediction) },
    context,
  )
  if (span.isRecording()) {
    const inside = trace.setSpan(context, span)
    for (const { name, startMs, endMs } of predictionPhases(prediction)) {
      tracer.startSpan(name, { startTime: startMs }, inside).end(endMs)
    }
  }
  if (error !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: error })
  span.end(endedAtMs)
}

const parentContext = ({ traceparent, tracestate }: TracedPrediction): Context => {
  const parent = traceparent === undefined ? undefined : parseTraceparent(traceparent)
  if (parent === undefined) return ROOT_CONTEXT
  return trace.setSpanContext(ROOT_CONTEXT, {
    traceId: parent.traceId,
    spanId: parent.parentId,
    traceFlags: parent.sampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
    isRemote: true,
    ...(tracestate === undefined ? {} : { traceState: createTraceState(tracestate) }),
  })
}
