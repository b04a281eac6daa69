import type { Queries } from '../../ports/index.ts'
import type { Tag } from '../experiment.ts'
import { fail } from '../../protocol/index.ts'
import { requireLength } from '../limits.ts'
import { placeholders } from '../sql.ts'
import type { Assessment, AssessmentKind } from './assessment.ts'
import { traceLimits } from './trace.ts'

const nameMax = 250
const contentMax = 1024 * 1024
const rationaleMax = 64 * 1024
const metadataPairsMax = 100

export interface AssessmentRow extends Readonly<Record<string, string | number | null>> {
  readonly assessment_id: string
  readonly trace_id: string
  readonly kind: string
  readonly name: string
  readonly content: string
  readonly source_type: string
  readonly source_id: string
  readonly span_id: string | null
  readonly rationale: string | null
  readonly metadata: string
  readonly overrides: string | null
  readonly valid: number
  readonly create_time: number
  readonly last_update_time: number
}

export const assessmentColumns =
  'a.assessment_id, a.trace_id, a.kind, a.name, a.content, a.source_type, a.source_id, a.span_id, a.rationale, a.metadata, a.overrides, a.valid, a.create_time, a.last_update_time'

export const assessmentOf = (row: AssessmentRow): Assessment => ({
  assessmentId: row.assessment_id,
  traceId: row.trace_id,
  kind: row.kind as AssessmentKind,
  name: row.name,
  content: row.content,
  sourceType: row.source_type,
  sourceId: row.source_id,
  spanId: row.span_id ?? undefined,
  rationale: row.rationale ?? undefined,
  metadata: JSON.parse(row.metadata) as Tag[],
  overrides: row.overrides ?? undefined,
  valid: row.valid === 1,
  createTime: row.create_time,
  lastUpdateTime: row.last_update_time,
})

/** JSON text of the value alone. */
const valueJson = (content: string): string => {
  const parsed = JSON.parse(content) as {
    readonly value?: unknown
    readonly serialized_value?: { readonly value?: unknown }
    readonly issue_name?: unknown
  } | null
  const serialized = parsed?.serialized_value?.value
  if (typeof serialized === 'string') return serialized
  return JSON.stringify(parsed?.value ?? parsed?.issue_name ?? null)
}

/** What searches compare: text without its quotes, every other value as its JSON, and numbers as numbers too. */
const searchedValue = (content: string): { text: string; number: number | null } => {
  const json = valueJson(content)
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch {
    return { text: json, number: null }
  }
  if (typeof value === 'string') return { text: value, number: null }
  return { text: json, number: typeof value === 'number' && Number.isFinite(value) ? value : null }
}

/** Writes an assessment whole; one of the same id in the same trace gives way. */
export const putAssessment = async (tx: Queries, assessment: Assessment): Promise<void> => {
  const searched = searchedValue(assessment.content)
  await tx.query(
    `INSERT INTO assessments (assessment_id, trace_id, kind, name, content, text_value, number_value, source_type,
      source_id, span_id, rationale, metadata, overrides, valid, create_time, last_update_time)
     VALUES (${placeholders(16)})
     ON CONFLICT (assessment_id) DO UPDATE SET name = excluded.name, content = excluded.content,
       text_value = excluded.text_value, number_value = excluded.number_value, rationale = excluded.rationale,
       metadata = excluded.metadata, valid = excluded.valid, last_update_time = excluded.last_update_time
     WHERE assessments.trace_id = excluded.trace_id AND assessments.kind = excluded.kind`,
    [
      assessment.assessmentId,
      assessment.traceId,
      assessment.kind,
      assessment.name,
      assessment.content,
      searched.text,
      searched.number,
      assessment.sourceType,
      assessment.sourceId,
      assessment.spanId ?? null,
      assessment.rationale ?? null,
      JSON.stringify(assessment.metadata),
      assessment.overrides ?? null,
      assessment.valid ? 1 : 0,
      assessment.createTime,
      assessment.lastUpdateTime,
    ],
  )
}

/** Fails with `invalid_parameter` when something of it is too long. */
export const requireAssessmentFits = ({ name, content, rationale, metadata }: Assessment): void => {
  if (name === '')
    throw fail('invalid_parameter', { reason: "Missing value for required parameter 'assessment_name'." })
  requireLength('Assessment name', name, nameMax)
  requireLength('Assessment value', content, contentMax)
  requireLength('Rationale', rationale ?? '', rationaleMax)
  if (metadata.length > metadataPairsMax)
    throw fail('invalid_parameter', { reason: `At most ${metadataPairsMax} pairs of metadata fit an assessment.` })
  for (const { key, value } of metadata) {
    requireLength('Metadata key', key, traceLimits.key)
    requireLength('Metadata value', value, traceLimits.metadataValue)
  }
}
