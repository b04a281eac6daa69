import type { Queries, SqlValue } from '../../ports/index.ts'
import type { Tag } from '../experiment.ts'
import { chunks, placeholders } from '../sql.ts'
import type { Assessment } from './assessment.ts'
import type { AssessmentRow } from './assessment-rows.ts'
import { assessmentColumns, assessmentOf } from './assessment-rows.ts'
import type { TraceInfo, TraceState } from './trace.ts'
import { traceTags } from './trace.ts'

export interface TraceRow extends Readonly<Record<string, string | number | null>> {
  readonly trace_id: string
  readonly experiment_id: number
  readonly timestamp_ms: number
  readonly end_ms: number | null
  readonly state: string
  readonly client_request_id: string | null
  readonly request_preview: string | null
  readonly response_preview: string | null
  readonly artifact_uri: string
  readonly spans_here: number
}

export const traceColumns =
  't.trace_id, t.experiment_id, t.timestamp_ms, t.end_ms, t.state, t.client_request_id, t.request_preview, t.response_preview, t.artifact_uri, t.spans_here'

interface Parts {
  readonly tags: Tag[]
  readonly metadata: Tag[]
  readonly assessments: Assessment[]
}

/** Completes traces with what belongs to them, spans excepted: one statement a kind for up to 500 traces. */
export const readTraces = async (queries: Queries, rows: readonly TraceRow[]): Promise<TraceInfo[]> => {
  const parts = new Map<string, Parts>(rows.map((row) => [row.trace_id, { tags: [], metadata: [], assessments: [] }]))
  for (const ids of chunks([...parts.keys()])) {
    const list = placeholders(ids.length)
    for (const kind of ['tags', 'metadata'] as const) {
      const pairs = await queries.query<{ trace_id: string; key: string; value: string }>(
        `SELECT trace_id, key, value FROM trace_${kind} WHERE trace_id IN (${list}) ORDER BY trace_id, key`,
        ids,
      )
      for (const { trace_id: id, key, value } of pairs) parts.get(id)?.[kind].push({ key, value })
    }
    const assessments = await queries.query<AssessmentRow>(
      `SELECT ${assessmentColumns} FROM assessments a WHERE a.trace_id IN (${list}) ORDER BY a.create_time, a.assessment_id`,
      ids,
    )
    for (const row of assessments) parts.get(row.trace_id)?.assessments.push(assessmentOf(row))
  }
  return rows.map((row) => infoOf(row, parts.get(row.trace_id) ?? { tags: [], metadata: [], assessments: [] }))
}

const infoOf = (row: TraceRow, { tags, metadata, assessments }: Parts): TraceInfo => ({
  traceId: row.trace_id,
  experimentId: String(row.experiment_id),
  timestampMs: row.timestamp_ms,
  durationMs: row.end_ms === null ? undefined : row.end_ms - row.timestamp_ms,
  state: row.state as TraceState,
  clientRequestId: row.client_request_id ?? undefined,
  requestPreview: row.request_preview ?? undefined,
  responsePreview: row.response_preview ?? undefined,
  artifactUri: row.artifact_uri,
  spansHere: row.spans_here === 1,
  tags: [
    { key: traceTags.artifactLocation, value: row.artifact_uri },
    ...(row.spans_here === 1 ? [{ key: traceTags.spansLocation, value: 'TRACKING_STORE' }] : []),
    ...tags,
  ],
  metadata,
  assessments,
})

const put = (table: string): string =>
  `INSERT INTO ${table} (trace_id, key, value) VALUES (?, ?, ?) ON CONFLICT (trace_id, key) DO UPDATE SET value = excluded.value`

type Rows = readonly (readonly SqlValue[])[]

export const putTags = (tx: Queries, rows: Rows): Promise<void> => tx.executeMany(put('trace_tags'), rows)

export const putMetadata = (tx: Queries, rows: Rows): Promise<void> => tx.executeMany(put('trace_metadata'), rows)

/** Leaves alone what is there. */
export const putNewMetadata = (tx: Queries, rows: Rows): Promise<void> =>
  tx.executeMany(
    'INSERT INTO trace_metadata (trace_id, key, value) VALUES (?, ?, ?) ON CONFLICT (trace_id, key) DO NOTHING',
    rows,
  )

/** Rows of trace, kind and target. */
export const putLinks = (tx: Queries, rows: Rows): Promise<void> =>
  tx.executeMany('INSERT INTO trace_links (trace_id, kind, target) VALUES (?, ?, ?) ON CONFLICT DO NOTHING', rows)
