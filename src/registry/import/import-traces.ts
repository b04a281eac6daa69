import type { Queries } from '../../ports/index.ts'
import { fail } from '../../protocol/index.ts'
import type { ImportedAssessment, ImportedTrace, ImportOutcome } from '../../protocol/index.ts'
import { excerpt, requireLength } from '../limits.ts'
import { placeholders } from '../sql.ts'
import { putAssessment, requireAssessmentFits } from '../traces/assessment-rows.ts'
import { serverTags } from '../traces/span-facts.ts'
import { artifactUriOf, requireTraceId } from '../traces/trace-id.ts'
import { putLinks, putMetadata, putTags } from '../traces/trace-rows.ts'
import { traceLimits, traceMetadata, traceTags } from '../traces/trace.ts'
import { digestOf, outcomeOfTaken, putMark, readMark } from './import-marks.ts'
import type { Place } from './import-runs.ts'
import { requireExperiment } from './import-runs.ts'

/** Takes a trace in. Its spans are a file among its artifacts, as with clients that upload them. */
export const takeTrace = async (tx: Queries, trace: ImportedTrace, place: Place): Promise<ImportOutcome> => {
  const traceId = requireTraceId(trace.traceId)
  requireLengths(trace)
  const digest = digestOf(trace)
  const [taken] = await tx.query('SELECT 1 AS taken FROM traces WHERE trace_id = ?', [traceId])
  if (taken !== undefined)
    return outcomeOfTaken(await readMark(tx, 'trace', traceId), { digest, id: traceId, what: `trace ${traceId}` })
  const experimentId = await requireExperiment(tx, trace.experimentId)
  const tags = trace.tags.filter(({ key }) => !serverTags.has(key))
  await tx.query(
    `INSERT INTO traces (trace_id, experiment_id, timestamp_ms, end_ms, state, name, client_request_id, request_preview,
       response_preview, artifact_uri, finalized, spans_here, span_count) VALUES (${placeholders(10)}, 1, 0, 0)`,
    [
      traceId,
      experimentId,
      trace.timestamp,
      trace.duration === undefined ? null : trace.timestamp + trace.duration,
      trace.state,
      tags.find(({ key }) => key === traceTags.name)?.value ?? null,
      trace.clientRequestId ?? null,
      trace.requestPreview ?? null,
      trace.responsePreview ?? null,
      artifactUriOf(place.defaultArtifactLocation(trace.experimentId), traceId),
    ],
  )
  await putTags(
    tx,
    tags.map(({ key, value }) => [traceId, key, value]),
  )
  await putMetadata(
    tx,
    trace.metadata.map(({ key, value }) => [traceId, key, value]),
  )
  const run = trace.metadata.find(({ key }) => key === traceMetadata.sourceRun)
  if (run !== undefined) await putLinks(tx, [[traceId, 'run', run.value]])
  for (const assessment of trace.assessments ?? []) await takeAssessment(tx, traceId, assessment)
  await putMark(tx, { kind: 'trace', id: traceId, digest }, place.nowMs)
  return { outcome: 'created', id: traceId }
}

const takeAssessment = async (tx: Queries, traceId: string, given: ImportedAssessment): Promise<void> => {
  const { assessmentId: id, content } = given
  if (!/^a-[0-9a-f]{32}$/.test(id))
    throw fail('invalid_parameter', { reason: `'${excerpt(id)}' is no id of an assessment.` })
  if (!isJsonObject(content))
    throw fail('invalid_parameter', { reason: `The assessment ${id} has a value that is no JSON object.` })
  const { spanId, rationale, overrides } = given
  const assessment = { ...given, spanId, rationale, overrides, traceId }
  requireAssessmentFits(assessment)
  const [taken] = await tx.query('SELECT 1 AS taken FROM assessments WHERE assessment_id = ?', [id])
  if (taken !== undefined)
    throw fail('resource_exists', { reason: `Another trace has the assessment ${id}, or this one has it twice.` })
  await putAssessment(tx, assessment)
}

const isJsonObject = (text: string): boolean => {
  try {
    const value = JSON.parse(text) as unknown
    return typeof value === 'object' && value !== null && !Array.isArray(value)
  } catch {
    return false
  }
}

const requireLengths = ({ tags, metadata, requestPreview = '', responsePreview = '' }: ImportedTrace): void => {
  for (const { key } of [...tags, ...metadata])
    if (key === '' || key.length > traceLimits.key)
      throw fail('invalid_parameter', { reason: `The trace has a key of ${key.length} characters.` })
  requireLength('Request preview', requestPreview, traceLimits.preview)
  requireLength('Response preview', responsePreview, traceLimits.preview)
}
