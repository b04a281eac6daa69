import { onDatasets, type SearchedDataset } from './on-datasets.ts'
import type { KeyedRows, SearchTarget } from './search-target.ts'
import type { SqlFragment } from './sql-fragment.ts'

/**
 * Logged models as `l`. With datasets, a condition on a metric looks at its values on these only; join it with
 * `measuredOn` to leave out the models without any.
 */
export function loggedModelsTarget(datasets: readonly SearchedDataset[]): SearchTarget {
  const metrics: KeyedRows = {
    kind: 'keyed',
    table: 'logged_model_metrics',
    owner: { model_id: 'l.model_id' },
    type: 'number',
    valueColumn: 'latest_value',
    nanColumn: 'latest_is_nan',
    newest: 'k.latest_timestamp DESC, k.latest_step DESC, k.dataset_name, k.dataset_digest, k.run_id',
    ...(datasets.length > 0 && { only: onDatasets(datasets) }),
  }
  return { ...everyLoggedModel, beside: new Map([...everyLoggedModel.beside, ['metric', metrics]]) }
}

const everyLoggedModel: SearchTarget = {
  from: 'logged_models l',
  attributes: new Map([
    ['name', { sql: 'l.name', type: 'text', nullable: false }],
    ['model_id', { sql: 'l.model_id', type: 'text', nullable: false }],
    ['model_type', { sql: 'l.model_type', type: 'text', nullable: true }],
    ['status', { sql: 'l.status', type: 'text', nullable: false }],
    ['source_run_id', { sql: 'l.source_run_id', type: 'text', nullable: true }],
    ['creation_timestamp', { sql: 'l.creation_time', type: 'number', nullable: false }],
    ['last_updated_timestamp', { sql: 'l.last_updated_time', type: 'number', nullable: false }],
  ]),
  beside: new Map([
    [
      'param',
      {
        kind: 'keyed',
        table: 'logged_model_params',
        owner: { model_id: 'l.model_id' },
        type: 'text',
        valueColumn: 'value',
      },
    ],
    [
      'tag',
      {
        kind: 'keyed',
        table: 'logged_model_tags',
        owner: { model_id: 'l.model_id' },
        type: 'text',
        valueColumn: 'value',
      },
    ],
  ]),
  order: [
    { entity: 'attribute', key: 'creation_timestamp', ascending: false },
    { entity: 'attribute', key: 'model_id', ascending: true },
  ],
}

/** Condition on `l` that holds for models with a metric on one of the datasets, and without datasets for all. */
export function measuredOn(datasets: readonly SearchedDataset[]): SqlFragment {
  if (datasets.length === 0) return { sql: '1 = 1', args: [] }
  const { sql, args } = onDatasets(datasets)
  return {
    sql: `EXISTS (SELECT 1 FROM logged_model_metrics k WHERE k.model_id = l.model_id AND ${sql})`,
    args,
  }
}
