import type { ImportedInput, ImportedRun, KeyValue, RunStatusName } from '../../protocol/index.ts'
import type { DatabaseRow, MlflowDatabase } from './mlflow-database.ts'
import { numberIn, textOf } from './mlflow-database.ts'

const statuses: readonly RunStatusName[] = ['RUNNING', 'SCHEDULED', 'FINISHED', 'FAILED', 'KILLED']

/** A run with its params, tags, data sets and models. */
export const readRunOf = (db: MlflowDatabase, row: DatabaseRow, artifactUri: string | undefined): ImportedRun => {
  const runId = textOf(row, 'run_uuid') ?? ''
  const pairs = (table: string): KeyValue[] => db.pairs(table, { where: 'run_uuid = ?', args: [runId] })
  const tags = pairs('tags')
  return {
    runId,
    experimentId: textOf(row, 'experiment_id') ?? '',
    name: textOf(row, 'name') ?? tags.find(({ key }) => key === 'mlflow.runName')?.value ?? '',
    userId: textOf(row, 'user_id') ?? '',
    status: statuses.find((status) => status === textOf(row, 'status')) ?? 'FINISHED',
    startTime: numberIn(row, 'start_time'),
    endTime: numberIn(row, 'end_time'),
    deletedTime: numberIn(row, 'deleted_time'),
    lifecycleStage: textOf(row, 'lifecycle_stage') === 'deleted' ? 'deleted' : 'active',
    artifactUri,
    params: pairs('params'),
    tags,
    inputs: readInputs(db, runId),
    modelInputs: readModels(db, runId, 'RUN_INPUT').map(({ modelId }) => ({ modelId })),
    modelOutputs: readModels(db, runId, 'RUN_OUTPUT'),
  }
}

const readInputs = (db: MlflowDatabase, runId: string): ImportedInput[] => {
  const where = `source_type = 'DATASET' AND destination_type = 'RUN' AND destination_id = ?`
  const inputs: ImportedInput[] = []
  for (const input of db.rows('inputs', ['input_uuid'], { key: ['source_id'], where, args: [runId] })) {
    const [dataset] = db.rows(
      'datasets',
      ['name', 'digest', 'dataset_source_type', 'dataset_source', 'dataset_schema', 'dataset_profile'],
      { key: ['dataset_uuid'], where: 'dataset_uuid = ?', args: [textOf(input, 'source_id') ?? ''], pageRows: 1 },
    )
    if (dataset !== undefined) inputs.push(inputOf(dataset, readInputTags(db, textOf(input, 'input_uuid') ?? '')))
  }
  return inputs.sort((a, b) => (a.name + a.digest < b.name + b.digest ? -1 : 1))
}

const readInputTags = (db: MlflowDatabase, inputId: string): KeyValue[] =>
  Array.from(db.rows('input_tags', ['value'], { key: ['name'], where: 'input_uuid = ?', args: [inputId] }), (tag) => ({
    key: textOf(tag, 'name') ?? '',
    value: textOf(tag, 'value') ?? '',
  }))

const inputOf = (dataset: DatabaseRow, tags: KeyValue[]): ImportedInput => ({
  name: textOf(dataset, 'name') ?? '',
  digest: textOf(dataset, 'digest') ?? '',
  sourceType: textOf(dataset, 'dataset_source_type') ?? '',
  source: textOf(dataset, 'dataset_source') ?? '',
  schema: textOf(dataset, 'dataset_schema'),
  profile: textOf(dataset, 'dataset_profile'),
  tags,
})

const readModels = (
  db: MlflowDatabase,
  runId: string,
  direction: 'RUN_INPUT' | 'RUN_OUTPUT',
): { modelId: string; step: number }[] =>
  Array.from(
    db.rows('inputs', ['step'], {
      key: ['destination_id'],
      where: `source_type = ? AND source_id = ? AND destination_id LIKE 'm-%'`,
      args: [direction, runId],
    }),
    (row) => ({ modelId: textOf(row, 'destination_id') ?? '', step: numberIn(row, 'step') ?? 0 }),
  )
