import type { SearchComparison, SearchEntity, SearchFilter } from './search-filter.ts'
import type { KeyedRows, ListedRows, SearchTarget } from './search-target.ts'

const keyed = (table: string): KeyedRows => ({
  kind: 'keyed',
  table,
  owner: { trace_id: 't.trace_id' },
  type: 'text',
  valueColumn: 'value',
})

const assessments = (kind: string): KeyedRows => ({
  ...keyed('assessments'),
  keyColumn: 'name',
  valueColumn: 'text_value',
  numberColumn: 'number_value',
  only: { sql: 'k.kind = ? AND k.valid = 1', args: [kind] },
})

const links = (kind: string, key: string): ListedRows => ({
  kind: 'listed',
  rows: `trace_links i WHERE i.trace_id = t.trace_id AND i.kind = '${kind}'`,
  columns: { [key]: 'i.target' },
})

/** Traces as `t`. */
export const tracesTarget: SearchTarget = {
  from: 'traces t',
  attributes: new Map([
    ['request_id', { sql: 't.trace_id', type: 'text', nullable: false }],
    ['experiment_id', { sql: 't.experiment_id', type: 'number', nullable: false }],
    ['timestamp_ms', { sql: 't.timestamp_ms', type: 'number', nullable: false }],
    ['execution_time_ms', { sql: '(t.end_ms - t.timestamp_ms)', type: 'number', nullable: true }],
    ['end_time_ms', { sql: 'COALESCE(t.end_ms, t.timestamp_ms)', type: 'number', nullable: false }],
    ['status', { sql: 't.state', type: 'text', nullable: false }],
    ['name', { sql: 't.name', type: 'text', nullable: true }],
    ['client_request_id', { sql: 't.client_request_id', type: 'text', nullable: true }],
    ['request_preview', { sql: 't.request_preview', type: 'text', nullable: true }],
    ['response_preview', { sql: 't.response_preview', type: 'text', nullable: true }],
  ]),
  beside: new Map<SearchEntity, KeyedRows | ListedRows>([
    ['tag', keyed('trace_tags')],
    ['metadata', keyed('trace_metadata')],
    ['feedback', assessments('feedback')],
    ['expectation', assessments('expectation')],
    ['run', links('run', 'run_id')],
    ['prompt', links('prompt', 'prompt')],
    [
      'issue',
      {
        kind: 'listed',
        rows: "assessments i WHERE i.trace_id = t.trace_id AND i.kind = 'issue'",
        columns: { id: 'i.name' },
      },
    ],
    [
      'span',
      {
        kind: 'listed',
        rows: 'spans s WHERE s.trace_id = t.trace_id',
        columns: {
          name: 's.name',
          type: 's.type',
          status: 's.status',
          content: "(s.name || ' ' || s.attributes || ' ' || s.details)",
        },
        jsonTexts: { prefix: 'attributes.', column: 's.attributes' },
        together: true,
      },
    ],
  ]),
  order: [
    { entity: 'attribute', key: 'timestamp_ms', ascending: false },
    { entity: 'attribute', key: 'request_id', ascending: true },
  ],
}

/** Names whose meaning is kept beside the trace, by how callers write them. */
const besides: ReadonlyMap<string, { readonly entity: SearchEntity; readonly key: string }> = new Map([
  ['attribute run_id', { entity: 'run', key: 'run_id' }],
  ['attribute prompt', { entity: 'prompt', key: 'prompt' }],
  ['attribute text', { entity: 'span', key: 'content' }],
  ['metadata mlflow.sourceRun', { entity: 'run', key: 'run_id' }],
  ['tag mlflow.linkedPrompts', { entity: 'prompt', key: 'prompt' }],
])

const moved = (clause: SearchComparison): SearchComparison => {
  const beside = besides.get(`${clause.entity} ${clause.key}`)
  const isEqual = clause.operator === '='
  return beside === undefined || (clause.entity !== 'attribute' && !isEqual) ? clause : { ...clause, ...beside }
}

/** The filter with what is looked for beside a trace named as such: its runs, its prompts, the text of its spans. */
export const rewriteTraceFilter = (filter: SearchFilter): SearchFilter => {
  switch (filter.kind) {
    case 'compare':
      return moved(filter)
    case 'not':
      return { kind: 'not', term: rewriteTraceFilter(filter.term) }
    case 'and':
    case 'or':
      return { kind: filter.kind, terms: filter.terms.map(rewriteTraceFilter) }
  }
}
