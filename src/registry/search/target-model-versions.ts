import type { SearchTarget } from './search-target.ts'

/** Model versions as `v`, each with its registered model as `m`. */
export const modelVersionsTarget: SearchTarget = {
  from: 'model_versions v JOIN registered_models m ON m.model_key = v.model_key',
  attributes: new Map([
    ['name', { sql: 'm.name', type: 'text', nullable: false }],
    ['version_number', { sql: 'v.version', type: 'number', nullable: false }],
    ['run_id', { sql: 'v.run_id', type: 'text', nullable: false }],
    ['source_path', { sql: 'v.source', type: 'text', nullable: false }],
    ['creation_timestamp', { sql: 'v.creation_time', type: 'number', nullable: false }],
    ['last_updated_timestamp', { sql: 'v.last_updated_time', type: 'number', nullable: false }],
  ]),
  beside: new Map([
    [
      'tag',
      {
        kind: 'keyed',
        table: 'model_version_tags',
        owner: { model_key: 'v.model_key', version: 'v.version' },
        type: 'text',
        valueColumn: 'value',
      },
    ],
  ]),
  order: [
    { entity: 'attribute', key: 'last_updated_timestamp', ascending: false },
    { entity: 'attribute', key: 'name', ascending: true },
    { entity: 'attribute', key: 'version_number', ascending: false },
  ],
}
