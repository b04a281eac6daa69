import type { AssessmentView, KeyValue, SpanView, TraceView } from '../../../protocol/index.ts'
import { fail } from '../../../protocol/index.ts'
import type { Assessment, Attributes, Span, TraceInfo } from '../../../registry/index.ts'
import type { Handlers } from './handler.ts'
import { pageItems } from './handler.ts'
import { pageView } from './registry-views.ts'

const assessmentView = (assessment: Assessment): AssessmentView => ({
  assessmentId: assessment.assessmentId,
  kind: assessment.kind,
  name: assessment.name,
  content: assessment.content,
  sourceType: assessment.sourceType,
  sourceId: assessment.sourceId,
  spanId: assessment.spanId,
  rationale: assessment.rationale,
  metadata: assessment.metadata,
  valid: assessment.valid,
  createTime: assessment.createTime,
  lastUpdateTime: assessment.lastUpdateTime,
})

const traceView = (trace: TraceInfo): TraceView => ({
  traceId: trace.traceId,
  experimentId: trace.experimentId,
  timestamp: trace.timestampMs,
  durationMs: trace.durationMs,
  state: trace.state,
  clientRequestId: trace.clientRequestId,
  requestPreview: trace.requestPreview,
  responsePreview: trace.responsePreview,
  artifactUri: trace.artifactUri,
  tags: trace.tags,
  metadata: trace.metadata,
  assessments: trace.assessments.map(assessmentView),
})

const attributesView = (attributes: Attributes): readonly KeyValue[] =>
  [...attributes].map(([key, value]) => ({ key, value }))

const spanView = (span: Span): SpanView => ({
  spanId: span.spanId,
  parentSpanId: span.parentSpanId,
  name: span.name,
  status: span.status,
  statusMessage: span.statusMessage,
  startNs: String(span.startNs),
  endNs: span.endNs === undefined ? undefined : String(span.endNs),
  kind: span.kind,
  attributes: attributesView(span.attributes),
  events: span.events.map(({ name, timeNs, attributes }) => ({
    name,
    timeNs: String(timeNs),
    attributes: attributesView(attributes),
  })),
})

/** The content of an assessment. MLflow's clients read what was expected as a plain value, or as the text of another. */
const contentOf = (kind: 'feedback' | 'expectation', text: string): string => {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw fail('invalid_request', { reason: "'value' must be the JSON text of a value" }, error)
  }
  const isPlain = typeof value !== 'object' || value === null
  return JSON.stringify(
    kind === 'feedback' || isPlain
      ? { value }
      : { serialized_value: { serialization_format: 'JSON_FORMAT', value: text } },
  )
}

export const traceHandlers: Handlers<'traces'> = {
  'traces.search': async ({ limit = pageItems, ...query }, { registry }) =>
    pageView(await registry.traces.search({ ...query, limit }), traceView),
  async 'traces.get'({ traceId }, { registry }) {
    const trace = await registry.traces.require(traceId)
    if (!trace.spansHere) return { ...traceView(trace), isWhole: false }
    const spans = await registry.spans.read(traceId)
    return { ...traceView(trace), spans: spans.map(spanView), isWhole: registry.traces.isWhole(trace, spans.length) }
  },
  async 'traces.delete'({ traceId }, { registry }) {
    const { experimentId } = await registry.traces.require(traceId)
    await registry.traces.deleteByIds(experimentId, [traceId])
    return {}
  },
  async 'traces.setTag'({ traceId, key, value }, { registry }) {
    await registry.traces.setTag(traceId, { key, value })
    return {}
  },
  async 'traces.deleteTag'({ traceId, key }, { registry }) {
    await registry.traces.deleteTag(traceId, key)
    return {}
  },
  async 'traces.assess'({ traceId, kind, value, ...given }, { registry, actor }) {
    const { name, sourceType = 'HUMAN', sourceId = actor.name, spanId, rationale, metadata = [], overrides } = given
    const assessment = {
      kind,
      name,
      content: contentOf(kind, value),
      sourceType,
      sourceId,
      spanId,
      rationale,
      metadata,
      overrides,
      createTime: undefined,
      lastUpdateTime: undefined,
    }
    return assessmentView(await registry.assessments.create(traceId, assessment))
  },
  async 'traces.deleteAssessment'({ traceId, assessmentId }, { registry }) {
    await registry.assessments.delete(traceId, assessmentId)
    return {}
  },
}
