import type { Migration, SqlDialect } from '../../ports/index.ts'
import { byBytes, clustered, double, int, pairs } from '../columns.ts'

const traces = (dialect: SqlDialect): string[] => {
  const integer = int(dialect)
  return [
    // finalized: the client has told the trace's own facts, which spans that come later don't change.
    // spans_here: the spans are rows below, rather than a file that the client uploaded.
    // span_count only grows, so that it may count a span twice that was sent twice.
    `CREATE TABLE traces (
      trace_id TEXT PRIMARY KEY,
      experiment_id ${integer} NOT NULL REFERENCES experiments,
      timestamp_ms ${integer} NOT NULL,
      end_ms ${integer},
      state TEXT NOT NULL,
      name TEXT,
      client_request_id TEXT,
      request_preview TEXT,
      response_preview TEXT,
      artifact_uri TEXT NOT NULL,
      finalized ${integer} NOT NULL,
      spans_here ${integer} NOT NULL,
      span_count ${integer} NOT NULL
    )${clustered(dialect)}`,
    'CREATE INDEX traces_by_time ON traces (experiment_id, timestamp_ms DESC, trace_id)',
    ...pairs('trace_tags', 'trace_id TEXT', 'traces', dialect),
    ...pairs('trace_metadata', 'trace_id TEXT', 'traces', dialect),
    // kind: run or prompt.
    `CREATE TABLE trace_links (
      trace_id TEXT NOT NULL REFERENCES traces ON DELETE CASCADE,
      kind TEXT NOT NULL,
      target TEXT NOT NULL,
      PRIMARY KEY (trace_id, kind, target)
    )${clustered(dialect)}`,
    'CREATE INDEX trace_links_by_target ON trace_links (kind, target, trace_id)',
  ]
}

const spans = (): string[] => [
  // Times are Unix ns in 20 digits, as no column holds them exactly and in order everywhere. Not clustered: rows are
  // large, and come in the order of time, which is not that of the ids.
  `CREATE TABLE spans (
    trace_id TEXT NOT NULL REFERENCES traces ON DELETE CASCADE,
    span_id TEXT NOT NULL,
    parent_span_id TEXT,
    name TEXT NOT NULL,
    type TEXT,
    status TEXT NOT NULL,
    status_message TEXT NOT NULL,
    start_ns TEXT NOT NULL,
    end_ns TEXT,
    usage TEXT,
    attributes TEXT NOT NULL,
    details TEXT NOT NULL,
    PRIMARY KEY (trace_id, span_id)
  )`,
]

const assessments = (dialect: SqlDialect): string[] => {
  const integer = int(dialect)
  return [
    // content is the value as it came; text_value and number_value are what searches compare with.
    `CREATE TABLE assessments (
      assessment_id TEXT PRIMARY KEY,
      trace_id TEXT NOT NULL REFERENCES traces ON DELETE CASCADE,
      kind TEXT NOT NULL,
      name TEXT NOT NULL,
      content TEXT NOT NULL,
      text_value TEXT NOT NULL,
      number_value ${double(dialect)},
      source_type TEXT NOT NULL,
      source_id TEXT NOT NULL,
      span_id TEXT,
      rationale TEXT,
      metadata TEXT NOT NULL,
      overrides TEXT,
      valid ${integer} NOT NULL,
      create_time ${integer} NOT NULL,
      last_update_time ${integer} NOT NULL
    )${clustered(dialect)}`,
    'CREATE INDEX assessments_by_trace ON assessments (trace_id, kind, name)',
  ]
}

/** Traces of programs, their spans, and what people and judges say of them. */
export const tracesMigration: Migration = {
  id: '0002-traces',
  statements: (dialect) => byBytes([...traces(dialect), ...spans(), ...assessments(dialect)], dialect),
}
