import type { AssessmentKindName, ImportedAssessment, KeyValue } from '../../protocol/index.ts'
import type { JsonFields } from './read-yaml.ts'
import { Unusable } from './read-yaml.ts'

const kinds: readonly AssessmentKindName[] = ['feedback', 'expectation', 'issue']

/** An assessment of which a source tells; its value is a JSON object, as MLflow's API has it. Throws Unusable. */
export const assessmentOf = (
  fields: JsonFields,
  value: { readonly kind: string | undefined; readonly content: string },
): ImportedAssessment => {
  const kind = kinds.find((each) => each === value.kind)
  if (kind === undefined) throw new Unusable(`'${String(value.kind).slice(0, 50)}' is no kind of assessment`)
  const createTime = timeField(fields, 'create_time')
  const source = objectField(fields, 'source')
  const valid = own(fields, 'valid')
  return {
    assessmentId: textField(fields, 'assessment_id') ?? '',
    kind,
    name: textField(fields, 'assessment_name') ?? '',
    content: value.content,
    sourceType: textField(source, 'source_type') ?? 'SOURCE_TYPE_UNSPECIFIED',
    sourceId: textField(source, 'source_id') ?? '',
    spanId: textField(fields, 'span_id'),
    rationale: textField(fields, 'rationale'),
    metadata: pairsOf(objectField(fields, 'metadata')),
    overrides: textField(fields, 'overrides'),
    // Databases keep it as a number, and files lack it where it is true.
    valid: valid !== false && valid !== 0,
    createTime,
    lastUpdateTime: timeField(fields, 'last_update_time', createTime),
  }
}

/** The assessment in a file that MLflow wrote. Throws Unusable. */
export const assessmentOfFile = (fields: JsonFields): ImportedAssessment => {
  const kind = kinds.find((each) => own(fields, each) !== undefined)
  return assessmentOf(fields, { kind, content: JSON.stringify(kind === undefined ? undefined : own(fields, kind)) })
}

const own = (fields: JsonFields, name: string): unknown => (Object.hasOwn(fields, name) ? fields[name] : undefined)

const textField = (fields: JsonFields, name: string): string | undefined => {
  const value = own(fields, name)
  return value === undefined || value === null || value === '' ? undefined : textOf(value)
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value))

const objectField = (fields: JsonFields, name: string): JsonFields => {
  const value = own(fields, name)
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonFields) : {}
}

const pairsOf = (fields: JsonFields): KeyValue[] =>
  Object.entries(fields).map(([key, value]) => ({ key, value: textOf(value) }))

/** Files have dates, databases milliseconds. */
const timeField = (fields: JsonFields, name: string, otherwise?: number): number => {
  const value = own(fields, name)
  const time = typeof value === 'string' ? Date.parse(value) : value
  if (typeof time === 'number' && Number.isSafeInteger(time)) return time
  if (otherwise !== undefined && (value === undefined || value === null)) return otherwise
  throw new Unusable(`'${name}' is no time`)
}
