import { fail } from '../../protocol/index.ts'
import type { AssessmentKind, NewAssessment, Tag } from '../../registry/index.ts'
import { assessmentKinds, traceStates } from '../../registry/index.ts'
import type { Field, Raw, Values } from './fields.ts'
import { anyText, items, object, oneOf, required, text, textOr } from './fields.ts'

const refuse = (value: Raw, path: string, what: string): Error =>
  fail('invalid_parameter', {
    reason: `Invalid value ${String(JSON.stringify(value)).slice(0, 100)} for parameter '${path}' supplied: it must be ${what}.`,
  })

const pairsMax = 1000

/** A map of text to text, as pairs: keys are the users', and no object of ours gets them as names. */
const textMap: Field<readonly Tag[]> = {
  read(value, path) {
    if (value === undefined || value === null) return []
    if (typeof value !== 'object' || Array.isArray(value)) throw refuse(value, path, 'an object of texts')
    const pairs = Object.entries(value)
    if (pairs.length > pairsMax) throw refuse(pairs.length, path, `an object of at most ${pairsMax} texts`)
    return pairs.map(([key, each]: [string, unknown]) => ({
      key: text.read(key, path) ?? '',
      value: text.read(each, `${path}.${key}`) ?? '',
    }))
  },
}

/** Unix ms of an RFC 3339 time, as protobuf's JSON writes a Timestamp. */
const timestamp: Field<number | undefined> = {
  read(value, path) {
    if (value === undefined || value === null) return undefined
    const isTime =
      typeof value === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/.test(value)
    const ms = isTime ? Date.parse(value) : Number.NaN
    if (Number.isNaN(ms)) throw refuse(value, path, 'a time like 2026-01-31T12:00:00.000Z')
    return ms
  },
}

/** Milliseconds of a duration, as protobuf's JSON writes one: `1.5s`. */
const duration: Field<number | undefined> = {
  read(value, path) {
    if (value === undefined || value === null) return undefined
    const isDuration = typeof value === 'string' && /^\d{1,12}(\.\d{1,9})?s$/.test(value)
    if (!isDuration) throw refuse(value, path, 'a duration like 1.5s')
    const [seconds = '0', fraction = ''] = value.slice(0, -1).split('.')
    return Number(seconds) * 1000 + Number(fraction.padEnd(3, '0').slice(0, 3))
  },
}

/** Whatever JSON there is, as its text; integers beyond a double's become doubles, as in protobuf's Value. */
const jsonText: Field<string | undefined> = {
  read: (value) =>
    value === undefined || value === null
      ? undefined
      : JSON.stringify(value, (_, each: unknown) => (typeof each === 'bigint' ? Number(each) : each)),
}

const sourceTypes = ['SOURCE_TYPE_UNSPECIFIED', 'HUMAN', 'LLM_JUDGE', 'CODE'] as const

const source = object({ source_type: oneOf(sourceTypes), source_id: textOr('') })

export const assessmentFields = {
  assessment_id: text,
  assessment_name: textOr(''),
  span_id: text,
  source,
  create_time: timestamp,
  last_update_time: timestamp,
  feedback: jsonText,
  expectation: jsonText,
  issue: jsonText,
  rationale: text,
  metadata: textMap,
  overrides: text,
} as const

type AssessmentInput = Values<typeof assessmentFields>

/** The one value of an assessment: its kind, and its JSON. */
export const assessmentValue = (input: AssessmentInput): { kind: AssessmentKind; content: string } | undefined => {
  const given = assessmentKinds.filter((kind) => input[kind] !== undefined)
  const [kind] = given
  const content = kind === undefined ? undefined : input[kind]
  if (kind === undefined || content === undefined) return undefined
  if (given.length > 1)
    throw fail('invalid_parameter', {
      reason: 'Exactly one of `expectation`, `feedback`, or `issue` should be specified.',
    })
  return { kind, content }
}

/** What a client asks to be created. */
export const newAssessment = (input: AssessmentInput): NewAssessment => {
  const value = assessmentValue(input)
  if (value === undefined)
    throw fail('invalid_parameter', {
      reason: 'Exactly one of `expectation`, `feedback`, or `issue` should be specified.',
    })
  return {
    ...value,
    assessmentId: input.assessment_id || undefined,
    name: input.assessment_name,
    sourceType: input.source?.source_type ?? 'SOURCE_TYPE_UNSPECIFIED',
    sourceId: input.source?.source_id ?? '',
    spanId: input.span_id || undefined,
    rationale: input.rationale || undefined,
    metadata: input.metadata,
    overrides: input.overrides || undefined,
    createTime: input.create_time,
    lastUpdateTime: input.last_update_time,
  }
}

/** The names in a field mask: protobuf's JSON writes them camel-cased with commas; others write an object. */
export const fieldMask: Field<ReadonlySet<string>> = {
  read(value, path) {
    const paths =
      typeof value === 'object' && value !== null && 'paths' in value && Array.isArray(value.paths)
        ? (value.paths as Raw[]).map((each) => required(text).read(each, path))
        : required(text).read(value, path).split(',')
    return new Set(paths.map((each) => each.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)))
  },
}

/** The fields of a trace's own facts. */
export const traceFields = {
  trace_id: required(text),
  client_request_id: text,
  trace_location: required(object({ mlflow_experiment: required(object({ experiment_id: required(text) })) })),
  request_preview: anyText,
  response_preview: anyText,
  request_time: required(timestamp),
  execution_duration: duration,
  state: oneOf(traceStates),
  trace_metadata: textMap,
  tags: textMap,
  assessments: items(assessmentFields),
} as const
