import type { SearchTarget } from './search-target.ts'

/** Registered models as `m`. */
export const registeredModelsTarget: SearchTarget = {
  from: 'registered_models m',
  attributes: new Map([
    ['name', { sql: 'm.name', type: 'text', nullable: false }],
    ['creation_timestamp', { sql: 'm.creation_time', type: 'number', nullable: false }],
    ['last_updated_timestamp', { sql: 'm.last_updated_time', type: 'number', nullable: false }],
  ]),
  beside: new Map([
    [
      'tag',
      {
        kind: 'keyed',
        table: 'registered_model_tags',
        owner: { model_key: 'm.model_key' },
        type: 'text',
        valueColumn: 'value',
      },
    ],
  ]),
  order: [{ entity: 'attribute', key: 'name', ascending: true }],
}
