import type { ImportedAssessment, ImportedTrace, KeyValue } from '../../protocol/index.ts'
import type { ArtifactPlaces } from './artifact-places.ts'
import { assessmentOf } from './assessment-record.ts'
import type { SourceFile, SourceRecord } from './import-source.ts'
import type { DatabaseRow, MlflowDatabase } from './mlflow-database.ts'
import { numberIn, textOf } from './mlflow-database.ts'
import { traceState } from './mlruns-traces.ts'
import { Unusable } from './read-yaml.ts'
import type { ImportReport } from './report.ts'

/** Rows with texts of megabytes. */
const largeRows = 20
/** Largest file of spans that is made of a trace's rows. */
const spansBytesMax = 64 * 1024 * 1024

/** What newer databases have as columns, and clients as metadata: one text, or an object of numbers. */
const sessionColumn = 'session_id'
const objects: readonly (readonly [metadata: string, columns: Readonly<Record<string, string>>])[] = [
  [
    'mlflow.trace.tokenUsage',
    {
      input_tokens: 'input_tokens',
      output_tokens: 'output_tokens',
      total_tokens: 'total_tokens',
      cache_read_input_tokens: 'cache_read_input_tokens',
      cache_creation_input_tokens: 'cache_creation_input_tokens',
      cache_creation_input_tokens_above_1hr: 'cache_creation_input_tokens_above_1hr',
    },
  ],
  ['mlflow.trace.cost', { input_cost: 'input_cost', output_cost: 'output_cost', total_cost: 'total_cost' }],
]

const facts = ['experiment_id', 'timestamp_ms', 'execution_time_ms', 'status', 'client_request_id']
const texts = ['request_preview', 'response_preview', 'trace_name', sessionColumn]
const columns = [...facts, ...texts, ...objects.flatMap(([, fields]) => Object.values(fields))]

/** The traces of a database; their spans are a file each. */
export async function* readTraces(
  db: MlflowDatabase,
  places: ArtifactPlaces,
  report: ImportReport,
  where: string,
): AsyncGenerator<SourceRecord<ImportedTrace>> {
  for (const row of db.rows('trace_info', columns, { key: ['request_id'], where })) {
    const traceId = textOf(row, 'request_id') ?? ''
    const of = { where: 'request_id = ?', args: [traceId] }
    const experimentId = textOf(row, 'experiment_id') ?? ''
    const tags = db.pairs('trace_tags', of)
    const name = textOf(row, 'trace_name')
    const record: ImportedTrace = {
      traceId,
      experimentId,
      timestamp: numberIn(row, 'timestamp_ms') ?? 0,
      duration: numberIn(row, 'execution_time_ms'),
      state: traceState(textOf(row, 'status')),
      clientRequestId: textOf(row, 'client_request_id'),
      requestPreview: textOf(row, 'request_preview'),
      responsePreview: textOf(row, 'response_preview'),
      tags: name === undefined ? tags : joined(tags, [{ key: 'mlflow.traceName', value: name }]),
      metadata: joined(db.pairs('trace_request_metadata', of), metadataOf(row)),
      ...readAssessments(db, report, traceId),
    }
    const place = {
      location: tags.find(({ key }) => key === 'mlflow.artifactLocation')?.value,
      usual: `${experimentId}/traces/${traceId}/artifacts`,
    }
    yield {
      record,
      files: () => (db.has('spans') && hasSpans(db, traceId) ? spansFile(db, traceId) : filesAt(places, report, place)),
    }
  }
}

const assessmentColumns =
  'name assessment_type value error created_timestamp last_updated_timestamp source_type source_id span_id rationale overrides valid assessment_metadata'.split(
    ' ',
  )

const readAssessments = (
  db: MlflowDatabase,
  report: ImportReport,
  traceId: string,
): Pick<ImportedTrace, 'assessments'> => {
  const found: ImportedAssessment[] = []
  const rows = { key: ['assessment_id'], where: 'trace_id = ?', args: [traceId], pageRows: largeRows }
  for (const row of db.rows('assessments', assessmentColumns, rows)) {
    try {
      found.push(assessmentOfRow(row))
    } catch (error) {
      if (!(error instanceof Unusable)) throw error
      report.unreadable(`assessment ${textOf(row, 'assessment_id') ?? ''} of trace ${traceId}`, error.message)
    }
  }
  return found.length === 0 ? {} : { assessments: found }
}

const assessmentOfRow = (row: DatabaseRow): ImportedAssessment => {
  const kind = textOf(row, 'assessment_type')
  const json = textOf(row, 'value') ?? 'null'
  const value = parsedJson(json)
  const error = textOf(row, 'error')
  const isPlain = typeof value !== 'object'
  let content = kind === 'issue' ? json : `{"value":${json}}`
  if (error !== undefined && kind === 'feedback') content = `{"value":${json},"error":${error}}`
  // MLflow sends lists and objects that are expected as text, so that whole numbers in them stay whole.
  if (kind === 'expectation' && !isPlain)
    content = JSON.stringify({ serialized_value: { serialization_format: 'JSON_FORMAT', value: json } })
  parsedJson(content)
  const fields = {
    assessment_id: row['assessment_id'],
    assessment_name: row['name'],
    source: { source_type: row['source_type'], source_id: row['source_id'] },
    span_id: row['span_id'],
    rationale: row['rationale'],
    metadata: parsedJson(textOf(row, 'assessment_metadata') ?? 'null'),
    overrides: row['overrides'],
    valid: row['valid'],
    create_time: row['created_timestamp'],
    last_update_time: row['last_updated_timestamp'],
  }
  return assessmentOf(fields, { kind, content })
}

const parsedJson = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    throw new Unusable(`it holds what is no JSON: ${text.slice(0, 50)}`)
  }
}

/** Pairs with others, which count where both have a key. */
const joined = (pairs: readonly KeyValue[], others: readonly KeyValue[]): KeyValue[] => {
  const keys = new Set(others.map(({ key }) => key))
  return [...pairs.filter(({ key }) => !keys.has(key)), ...others]
}

const metadataOf = (row: DatabaseRow): KeyValue[] => {
  const session = textOf(row, sessionColumn)
  const found = objects.flatMap(([key, fields]) => {
    const numbers = Object.entries(fields).flatMap(([field, column]) => {
      const number = numberIn(row, column)
      return number === undefined ? [] : [`"${field}": ${number}`]
    })
    return numbers.length === 0 ? [] : [{ key, value: `{${numbers.join(', ')}}` }]
  })
  return session === undefined ? found : [{ key: 'mlflow.trace.session', value: session }, ...found]
}

const hasSpans = (db: MlflowDatabase, traceId: string): boolean => {
  const [span] = db.rows('spans', [], { key: ['span_id'], where: 'trace_id = ?', args: [traceId], pageRows: 1 })
  return span !== undefined
}

/** The rows of a trace's spans as the file that older clients upload. */
async function* spansFile(db: MlflowDatabase, traceId: string): AsyncGenerator<SourceFile> {
  const spans: { readonly start: number; readonly content: string }[] = []
  const path = 'traces.json'
  let bytes = 0
  const rows = { key: ['span_id'], where: 'trace_id = ?', args: [traceId], pageRows: largeRows }
  for (const row of db.rows('spans', ['content', 'start_time_unix_nano'], rows)) {
    const content = textOf(row, 'content') ?? ''
    bytes += content.length
    if (bytes > spansBytesMax) {
      yield { path, bytes, content: { unreadable: `the spans have more than ${spansBytesMax} bytes` } }
      return
    }
    if (content !== '') spans.push({ start: numberIn(row, 'start_time_unix_nano') ?? 0, content })
  }
  spans.sort((a, b) => a.start - b.start)
  const text = `{"spans": [${spans.map(({ content }) => content).join(', ')}]}`
  yield { path, bytes: Buffer.byteLength(text), content: { text } }
}

async function* filesAt(
  places: ArtifactPlaces,
  report: ImportReport,
  { location, usual }: { readonly location: string | undefined; readonly usual: string },
): AsyncGenerator<SourceFile> {
  try {
    yield* places.files(await places.find(location, usual))
  } catch (error) {
    if (!(error instanceof Unusable)) throw error
    report.unreadable(usual, error.message)
  }
}
