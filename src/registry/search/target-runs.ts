import type { SearchTarget } from './search-target.ts'

/** Runs as `r`. */
export const runsTarget: SearchTarget = {
  from: 'runs r',
  attributes: new Map([
    ['run_id', { sql: 'r.run_id', type: 'text', nullable: false }],
    ['run_name', { sql: 'r.name', type: 'text', nullable: false }],
    ['user_id', { sql: 'r.user_id', type: 'text', nullable: false }],
    ['status', { sql: 'r.status', type: 'text', nullable: false }],
    ['artifact_uri', { sql: 'r.artifact_uri', type: 'text', nullable: false }],
    ['start_time', { sql: 'r.start_time', type: 'number', nullable: true }],
    ['end_time', { sql: 'r.end_time', type: 'number', nullable: true }],
  ]),
  beside: new Map([
    [
      'metric',
      {
        kind: 'keyed',
        table: 'metric_series',
        owner: { run_id: 'r.run_id' },
        type: 'number',
        valueColumn: 'latest_value',
        nanColumn: 'latest_is_nan',
        byValue: true,
      },
    ],
    ['param', { kind: 'keyed', table: 'params', owner: { run_id: 'r.run_id' }, type: 'text', valueColumn: 'value' }],
    ['tag', { kind: 'keyed', table: 'run_tags', owner: { run_id: 'r.run_id' }, type: 'text', valueColumn: 'value' }],
    [
      'dataset',
      {
        kind: 'listed',
        rows: 'run_inputs i JOIN datasets d ON d.dataset_id = i.dataset_id WHERE i.run_id = r.run_id',
        columns: { name: 'd.name', digest: 'd.digest', context: 'i.context' },
      },
    ],
  ]),
  order: [
    { entity: 'attribute', key: 'start_time', ascending: false },
    { entity: 'attribute', key: 'run_id', ascending: true },
  ],
}
