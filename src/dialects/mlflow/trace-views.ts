import type { Assessment, Span, Tag, TraceInfo, TraceState } from '../../registry/index.ts'
import { exactInteger, parseExact } from './json-exact.ts'
import { keyValues } from './otlp/any-value.ts'

const tagView = ({ key, value }: Tag): Tag => ({ key, value })

/** A map of protobuf; any key may come, `__proto__` among them, which fromEntries makes a property like any other. */
const mapView = (pairs: readonly Tag[]): Record<string, string> =>
  Object.fromEntries(pairs.map(({ key, value }) => [key, value]))

const timeView = (ms: number): string => new Date(ms).toISOString()
const durationView = (ms: number): string => `${ms / 1000}s`

export const assessmentView = (assessment: Assessment): object => ({
  assessment_id: assessment.assessmentId,
  assessment_name: assessment.name,
  trace_id: assessment.traceId,
  ...(assessment.spanId === undefined ? {} : { span_id: assessment.spanId }),
  source: { source_type: assessment.sourceType, source_id: assessment.sourceId },
  create_time: timeView(assessment.createTime),
  last_update_time: timeView(assessment.lastUpdateTime),
  [assessment.kind]: JSON.parse(assessment.content) as object,
  ...(assessment.rationale === undefined ? {} : { rationale: assessment.rationale }),
  ...(assessment.metadata.length === 0 ? {} : { metadata: mapView(assessment.metadata) }),
  ...(assessment.overrides === undefined ? {} : { overrides: assessment.overrides }),
  valid: assessment.valid,
})

export const traceInfoView = (trace: TraceInfo): object => ({
  trace_id: trace.traceId,
  ...(trace.clientRequestId === undefined ? {} : { client_request_id: trace.clientRequestId }),
  trace_location: { type: 'MLFLOW_EXPERIMENT', mlflow_experiment: { experiment_id: trace.experimentId } },
  ...(trace.requestPreview === undefined ? {} : { request_preview: trace.requestPreview }),
  ...(trace.responsePreview === undefined ? {} : { response_preview: trace.responsePreview }),
  request_time: timeView(trace.timestampMs),
  ...(trace.durationMs === undefined ? {} : { execution_duration: durationView(trace.durationMs) }),
  state: trace.state,
  trace_metadata: mapView(trace.metadata),
  tags: mapView(trace.tags),
  ...(trace.assessments.length === 0 ? {} : { assessments: trace.assessments.map(assessmentView) }),
})

/** States have another name for one of them in the older API. */
const olderStatus = (state: TraceState): string => (state === 'STATE_UNSPECIFIED' ? 'TRACE_STATUS_UNSPECIFIED' : state)

/** A trace as clients before MLflow 3 see it. */
export const olderTraceInfoView = (trace: TraceInfo): object => ({
  request_id: trace.traceId,
  experiment_id: trace.experimentId,
  timestamp_ms: trace.timestampMs,
  execution_time_ms: trace.durationMs ?? 0,
  status: olderStatus(trace.state),
  request_metadata: trace.metadata.map(tagView),
  tags: trace.tags.map(tagView),
})

const base64 = (hex: string): string => Buffer.from(hex, 'hex').toString('base64')

const otelTraceId = (traceId: string): string => base64(traceId.replace(/^tr-/, ''))

/** A span as OpenTelemetry's message in the JSON of protobuf. */
const spanView = (span: Span): object => ({
  trace_id: otelTraceId(span.traceId),
  span_id: base64(span.spanId),
  ...(span.traceState === '' ? {} : { trace_state: span.traceState }),
  ...(span.parentSpanId === undefined ? {} : { parent_span_id: base64(span.parentSpanId) }),
  name: span.name,
  ...(span.kind === 0 ? {} : { kind: span.kind }),
  start_time_unix_nano: exactInteger(span.startNs),
  ...(span.endNs === undefined ? {} : { end_time_unix_nano: exactInteger(span.endNs) }),
  attributes: keyValues(span.attributes),
  ...(span.events.length === 0
    ? {}
    : {
        events: span.events.map(({ name, timeNs, attributes }) => ({
          time_unix_nano: exactInteger(timeNs),
          name,
          attributes: keyValues(attributes),
        })),
      }),
  ...(span.links.length === 0
    ? {}
    : {
        links: span.links.map(({ traceId, spanId, attributes }) => ({
          trace_id: base64(traceId),
          span_id: base64(spanId),
          attributes: keyValues(attributes),
        })),
      }),
  status: statusView(span),
})

const statusView = ({ status, statusMessage }: Span): object => ({
  ...(statusMessage === '' ? {} : { message: statusMessage }),
  code: `STATUS_CODE_${status}`,
})

/** A span as MLflow's clients write it to a trace's file: attributes are JSON texts by name. */
export const spanFileView = (span: Span): object => ({
  trace_id: otelTraceId(span.traceId),
  span_id: base64(span.spanId),
  parent_span_id: span.parentSpanId === undefined ? null : base64(span.parentSpanId),
  name: span.name,
  start_time_unix_nano: exactInteger(span.startNs),
  end_time_unix_nano: span.endNs === undefined ? null : exactInteger(span.endNs),
  events: span.events.map(({ name, timeNs, attributes }) => ({
    name,
    time_unix_nano: exactInteger(timeNs),
    attributes: Object.fromEntries([...attributes].map(([key, json]) => [key, parseExact(json)])),
  })),
  status: { code: `STATUS_CODE_${span.status}`, message: span.statusMessage },
  attributes: Object.fromEntries(span.attributes),
  links: span.links.map(({ traceId, spanId, attributes }) => ({
    trace_id: `tr-${traceId}`,
    span_id: spanId,
    attributes: Object.fromEntries([...attributes].map(([key, json]) => [key, parseExact(json)])),
  })),
})

export const traceView = (trace: TraceInfo, spans: readonly Span[]): object => ({
  trace_info: traceInfoView(trace),
  spans: spans.map(spanView),
})
