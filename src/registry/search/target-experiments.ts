import type { SearchTarget } from './search-target.ts'

/** Experiments as `e`. */
export const experimentsTarget: SearchTarget = {
  from: 'experiments e',
  attributes: new Map([
    ['experiment_id', { sql: 'e.experiment_id', type: 'number', nullable: false }],
    ['name', { sql: 'e.name', type: 'text', nullable: false }],
    ['creation_time', { sql: 'e.creation_time', type: 'number', nullable: false }],
    ['last_update_time', { sql: 'e.last_update_time', type: 'number', nullable: false }],
  ]),
  beside: new Map([
    [
      'tag',
      {
        kind: 'keyed',
        table: 'experiment_tags',
        owner: { experiment_id: 'e.experiment_id' },
        type: 'text',
        valueColumn: 'value',
      },
    ],
  ]),
  order: [{ entity: 'attribute', key: 'experiment_id', ascending: false }],
}
