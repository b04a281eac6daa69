import type { Queries } from '../../ports/index.ts'
import { fail } from '../../protocol/index.ts'
import type { ImportedTrace, ImportOutcome } from '../../protocol/index.ts'
import { requireLength } from '../limits.ts'
import { placeholders } from '../sql.ts'
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
  await putMark(tx, { kind: 'trace', id: traceId, digest }, place.nowMs)
  return { outcome: 'created', id: traceId }
}

const requireLengths = ({ tags, metadata, requestPreview = '', responsePreview = '' }: ImportedTrace): void => {
  for (const { key } of [...tags, ...metadata])
    if (key === '' || key.length > traceLimits.key)
      throw fail('invalid_parameter', { reason: `The trace has a key of ${key.length} characters.` })
  requireLength('Request preview', requestPreview, traceLimits.preview)
  requireLength('Response preview', responsePreview, traceLimits.preview)
}
