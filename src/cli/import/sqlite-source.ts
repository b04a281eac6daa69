import type {
  ImportedAlias,
  ImportedExperiment,
  ImportedLoggedModel,
  ImportedRegisteredModel,
  ImportedRun,
  ImportedTrace,
  ImportedVersion,
  KeyValue,
} from '../../protocol/index.ts'
import { jsonNumber } from '../../protocol/index.ts'
import type { ArtifactPlaces } from './artifact-places.ts'
import { isElsewhere } from './artifact-places.ts'
import type { ImportSource, Point, SourceRecord } from './import-source.ts'
import type { DatabaseRow, MlflowDatabase } from './mlflow-database.ts'
import { numberIn, textOf } from './mlflow-database.ts'
import { NewestMetrics } from './mlruns-runs.ts'
import { Unusable } from './read-yaml.ts'
import type { ImportReport } from './report.ts'
import { deletedStage, versionRecord } from './version-record.ts'
import { readRunOf } from './sqlite-runs.ts'
import { readTraces } from './sqlite-traces.ts'

/** What MLflow keeps beside, and this import doesn't take. */
const otherTables: readonly (readonly [table: string, what: string])[] = [
  ['evaluation_datasets', 'evaluation data sets'],
  ['scorers', 'scorers'],
  ['webhooks', 'webhooks'],
  ['issues', 'issues'],
  ['endpoints', 'gateway endpoints'],
]

/** Only the workspace that every server has; older databases have none. */
const ofDefault = "workspace = 'default'"

const statuses = [
  'LOGGED_MODEL_STATUS_UNSPECIFIED',
  'LOGGED_MODEL_PENDING',
  'LOGGED_MODEL_READY',
  'LOGGED_MODEL_UPLOAD_FAILED',
] as const

/** MLflow's database of tracking and registry. */
export class SqliteSource implements ImportSource {
  readonly #db: MlflowDatabase
  readonly #places: ArtifactPlaces
  readonly #report: ImportReport

  constructor(db: MlflowDatabase, places: ArtifactPlaces, report: ImportReport) {
    this.#db = db
    this.#places = places
    this.#report = report
    for (const [table, what] of otherTables) report.leaveOut(what, db.count(table))
    for (const table of ['experiments', 'registered_models'])
      if (db.hasColumn(table, 'workspace'))
        report.leaveOut(`${table} of other workspaces`, db.count(table, `NOT (${ofDefault})`))
  }

  async *experiments(): AsyncGenerator<SourceRecord<ImportedExperiment>> {
    const columns = ['name', 'artifact_location', 'lifecycle_stage', 'creation_time', 'last_update_time']
    for (const row of this.#db.rows('experiments', columns, {
      key: ['experiment_id'],
      where: this.#own('experiments'),
    })) {
      const id = numberIn(row, 'experiment_id') ?? 0
      const location = textOf(row, 'artifact_location')
      yield {
        record: {
          experimentId: String(id),
          name: textOf(row, 'name') ?? '',
          lifecycleStage: lifecycleOf(row),
          creationTime: numberIn(row, 'creation_time'),
          lastUpdateTime: numberIn(row, 'last_update_time'),
          artifactLocation: location !== undefined && isElsewhere(location) ? location : undefined,
          tags: this.#pairs('experiment_tags', 'experiment_id', id),
        },
      }
    }
  }

  async *runs(): AsyncGenerator<SourceRecord<ImportedRun>> {
    const columns = ['name', 'user_id', 'status', 'start_time', 'end_time', 'deleted_time', 'lifecycle_stage']
    for (const row of this.#db.rows('runs', [...columns, 'artifact_uri', 'experiment_id'], {
      key: ['run_uuid'],
      where: this.#inOwnExperiments(),
    })) {
      const runId = textOf(row, 'run_uuid') ?? ''
      const usual = `${textOf(row, 'experiment_id') ?? ''}/${runId}/artifacts`
      const place = await this.#trying(`run ${runId}`, () => this.#places.find(textOf(row, 'artifact_uri'), usual))
      if (place === undefined) continue
      yield {
        record: readRunOf(this.#db, row, place.kind === 'elsewhere' ? place.uri : undefined),
        points: () => this.#points(runId),
        files: () => this.#places.files(place),
      }
    }
  }

  async *loggedModels(): AsyncGenerator<SourceRecord<ImportedLoggedModel>> {
    const columns = ['experiment_id', 'name', 'artifact_location', 'creation_timestamp_ms', 'last_updated_timestamp_ms']
    const more = ['status', 'lifecycle_stage', 'model_type', 'source_run_id', 'status_message']
    for (const row of this.#db.rows('logged_models', [...columns, ...more], {
      key: ['model_id'],
      where: this.#inOwnExperiments(),
    })) {
      const modelId = textOf(row, 'model_id') ?? ''
      const experimentId = textOf(row, 'experiment_id') ?? ''
      const usual = `${experimentId}/models/${modelId}/artifacts`
      const what = `logged model ${modelId}`
      const place = await this.#trying(what, () => this.#places.find(textOf(row, 'artifact_location'), usual))
      if (place === undefined) continue
      const creationTime = numberIn(row, 'creation_timestamp_ms') ?? 0
      const record: ImportedLoggedModel = {
        modelId,
        experimentId,
        name: textOf(row, 'name') ?? '',
        status: statuses[numberIn(row, 'status') ?? 0] ?? statuses[0],
        statusMessage: textOf(row, 'status_message'),
        modelType: textOf(row, 'model_type'),
        sourceRunId: textOf(row, 'source_run_id'),
        lifecycleStage: lifecycleOf(row),
        creationTime,
        lastUpdatedTime: numberIn(row, 'last_updated_timestamp_ms') ?? creationTime,
        artifactUri: place.kind === 'elsewhere' ? place.uri : undefined,
        params: this.#pairs('logged_model_params', 'model_id', modelId, 'param_'),
        tags: this.#pairs('logged_model_tags', 'model_id', modelId, 'tag_'),
        metrics: this.#modelMetrics(modelId),
      }
      yield { record, files: () => this.#places.files(place) }
    }
  }

  traces(): AsyncIterable<SourceRecord<ImportedTrace>> {
    return readTraces(this.#db, this.#places, this.#report, this.#inOwnExperiments())
  }

  async *registeredModels(): AsyncGenerator<SourceRecord<ImportedRegisteredModel>> {
    const columns = ['creation_time', 'last_updated_time', 'description']
    for (const row of this.#db.rows('registered_models', columns, {
      key: ['name'],
      where: this.#own('registered_models'),
    })) {
      const name = textOf(row, 'name') ?? ''
      const creationTime = numberIn(row, 'creation_time') ?? 0
      let versionLast = 0
      const where = `name = ? AND ${this.#own('model_versions')}`
      for (const each of this.#db.rows('model_versions', [], { key: ['version'], where, args: [name] }))
        versionLast = numberIn(each, 'version') ?? 0
      yield {
        record: {
          name,
          description: textOf(row, 'description') ?? '',
          creationTime,
          lastUpdatedTime: numberIn(row, 'last_updated_time') ?? creationTime,
          versionLast,
          tags: this.#pairs('registered_model_tags', 'name', name),
        },
      }
    }
  }

  /** In the order in which they were made, so that copies follow what they are copies of. */
  async *versions(): AsyncGenerator<SourceRecord<ImportedVersion>> {
    const columns = ['last_updated_time', 'description', 'user_id', 'current_stage', 'source', 'run_id', 'status']
    const more = ['status_message', 'run_link', 'storage_location', 'creation_time']
    for (const row of this.#db.rows('model_versions', [...columns, ...more], {
      key: ['creation_time', 'name', 'version'],
      where: `creation_time IS NOT NULL AND current_stage <> '${deletedStage}' AND ${this.#own('model_versions')}`,
    })) {
      const name = textOf(row, 'name') ?? ''
      const version = numberIn(row, 'version') ?? 0
      const record = await this.#trying(`version ${version} of '${name}'`, async () =>
        this.#version(row, name, version),
      )
      if (record !== undefined) yield { record }
    }
  }

  async *aliases(): AsyncGenerator<SourceRecord<ImportedAlias>> {
    for (const row of this.#db.rows('registered_model_aliases', ['version'], {
      key: ['name', 'alias'],
      where: this.#own('registered_model_aliases'),
    }))
      yield {
        record: {
          name: textOf(row, 'name') ?? '',
          alias: textOf(row, 'alias') ?? '',
          version: numberIn(row, 'version') ?? 0,
        },
      }
  }

  [Symbol.dispose](): void {
    this.#db[Symbol.dispose]()
  }

  #version(row: DatabaseRow, name: string, version: number): ImportedVersion {
    const source = textOf(row, 'source') ?? ''
    const where = `name = ? AND version = ? AND ${this.#own('model_version_tags')}`
    const tags = this.#db.pairs('model_version_tags', { where, args: [name, version] })
    return versionRecord({
      name,
      version,
      creationTime: numberIn(row, 'creation_time') ?? 0,
      lastUpdatedTime: numberIn(row, 'last_updated_time'),
      description: textOf(row, 'description'),
      userId: textOf(row, 'user_id'),
      stage: textOf(row, 'current_stage'),
      source,
      storageLocation: textOf(row, 'storage_location'),
      runId: textOf(row, 'run_id'),
      runLink: textOf(row, 'run_link'),
      modelId: /^models:\/+(m-[0-9a-f]{32})$/.exec(source)?.[1],
      status: textOf(row, 'status'),
      statusMessage: textOf(row, 'status_message'),
      tags,
    })
  }

  async *#points(runId: string): AsyncGenerator<Point> {
    const columns = ['key', 'value', 'timestamp', 'step', 'is_nan']
    for (const row of this.#db.rows('metrics', columns, { key: ['rowid'], where: 'run_uuid = ?', args: [runId] }))
      yield {
        key: textOf(row, 'key') ?? '',
        step: numberIn(row, 'step') ?? 0,
        timestamp: numberIn(row, 'timestamp') ?? 0,
        value: row['is_nan'] === 1 ? NaN : (numberIn(row, 'value') ?? NaN),
      }
  }

  #modelMetrics(modelId: string): ImportedLoggedModel['metrics'] {
    const newest = new NewestMetrics()
    const columns = ['metric_name', 'metric_timestamp_ms', 'metric_step', 'metric_value', 'run_id']
    for (const row of this.#db.rows('logged_model_metrics', [...columns, 'dataset_name', 'dataset_digest'], {
      key: ['rowid'],
      where: 'model_id = ?',
      args: [modelId],
    }))
      newest.add({
        key: textOf(row, 'metric_name') ?? '',
        value: jsonNumber(numberIn(row, 'metric_value') ?? NaN),
        timestamp: numberIn(row, 'metric_timestamp_ms') ?? 0,
        step: numberIn(row, 'metric_step') ?? 0,
        runId: textOf(row, 'run_id') ?? '',
        datasetName: textOf(row, 'dataset_name'),
        datasetDigest: textOf(row, 'dataset_digest'),
      })
    return newest.all()
  }

  #pairs(table: string, owner: string, id: string | number, prefix = ''): KeyValue[] {
    return this.#db.pairs(table, { where: `${owner} = ? AND ${this.#own(table)}`, args: [id], prefix })
  }

  #own(table: string): string {
    return this.#db.hasColumn(table, 'workspace') ? ofDefault : '1 = 1'
  }

  #inOwnExperiments(): string {
    return `experiment_id IN (SELECT experiment_id FROM experiments WHERE ${this.#own('experiments')})`
  }

  async #trying<T>(what: string, read: () => Promise<T>): Promise<T | undefined> {
    try {
      return await read()
    } catch (error) {
      if (!(error instanceof Unusable)) throw error
      this.#report.unreadable(what, error.message)
      return undefined
    }
  }
}

const lifecycleOf = (row: DatabaseRow): 'active' | 'deleted' =>
  textOf(row, 'lifecycle_stage') === 'deleted' ? 'deleted' : 'active'
