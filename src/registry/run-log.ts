import type { Database, Queries } from '../ports/index.ts'
import { fail } from '../protocol/index.ts'
import type { Actor, EventLog } from './event-log.ts'
import { anonymous } from './event-log.ts'
import type { Tag } from './experiment.ts'
import { excerpt, limits, requireCount, requireInteger, requireKey, requireLength, truncated } from './limits.ts'
import type { LoggedMetric, Metric, Param, RunInput } from './run.ts'
import { isNewer, storedValue } from './run.ts'
import { nameTag, putTags, requireWritable, tellRenamed } from './run-store.ts'
import { chunks, placeholders } from './sql.ts'

/** Most of each kind in one batch, and of all kinds. */
const batchMax = { metrics: 1000, params: 100, tags: 100, entities: 1000 } as const

export interface RunBatch {
  readonly metrics?: readonly LoggedMetric[]
  readonly params?: readonly Param[]
  readonly tags?: readonly Tag[]
}

/** What runs log: metrics, params, tags, inputs. A batch is written whole or not at all. */
export class RunLog {
  readonly #db: Database
  readonly #events: EventLog

  constructor({ db, events }: { readonly db: Database; readonly events: EventLog }) {
    this.#db = db
    this.#events = events
  }

  async logBatch(
    runId: string,
    { metrics = [], params = [], tags = [] }: RunBatch,
    actor: Actor = anonymous,
  ): Promise<void> {
    requireCounts(metrics.length, params.length, tags.length)
    for (const metric of metrics) requireMetric(metric)
    const stored = params.map(storedParam)
    requireDistinct(stored)
    const storedTags = tags.map((tag) => ({
      key: requireKey('Tag', tag.key),
      value: truncated(tag.value, limits.runTagValue),
    }))
    await this.#db.transact(async (tx) => {
      const run = await requireWritable(tx, runId)
      await putParams(tx, runId, stored)
      await putMetrics(tx, runId, metrics)
      await putModelMetrics(tx, runId, metrics)
      if (storedTags.length > 0) await putTags(tx, run.run_id, storedTags)
      const name = storedTags.findLast((tag) => tag.key === nameTag)?.value
      if (name !== undefined) await tellRenamed(tx, this.#events, { row: run, name, actor })
    })
  }

  /** Adds a model to the list in the run's tag that clients of MLflow 2 keep there. */
  async appendModel(runId: string, model: Readonly<Record<string, unknown>>): Promise<void> {
    await this.#db.transact(async (tx) => {
      await requireWritable(tx, runId)
      const [tag] = await tx.query<{ value: string }>('SELECT value FROM run_tags WHERE run_id = ? AND key = ?', [
        runId,
        historyTag,
      ])
      const models = tag === undefined ? [] : (JSON.parse(tag.value) as unknown[])
      const value = JSON.stringify([...models, model])
      requireLength('Logged models of a run', value, historyCharactersMax)
      await putTags(tx, runId, [{ key: historyTag, value }])
    })
  }

  async logInputs(
    runId: string,
    inputs: readonly RunInput[],
    models: readonly { readonly modelId: string }[],
  ): Promise<void> {
    requireCount('datasets', inputs, limits.loggedDatasets)
    requireCount('models', models, limits.listItems)
    for (const { tags } of inputs) requireCount('tags', tags, limits.loggedDatasets)
    await this.#db.transact(async (tx) => {
      const run = await requireWritable(tx, runId)
      for (const input of inputs) await putInput(tx, run.run_id, run.experiment_id, input)
      await tx.executeMany(
        putModel,
        models.map(({ modelId }) => [runId, modelId, 'input', 0]),
      )
    })
  }

  async logOutputs(
    runId: string,
    models: readonly { readonly modelId: string; readonly step: number }[],
  ): Promise<void> {
    requireCount('models', models, limits.listItems)
    for (const { step } of models) requireInteger('step', step, Number.MIN_SAFE_INTEGER)
    await this.#db.transact(async (tx) => {
      await requireWritable(tx, runId)
      await tx.executeMany(
        putModel,
        models.map(({ modelId, step }) => [runId, modelId, 'output', step]),
      )
    })
  }
}

const historyTag = 'mlflow.log-model.history'
/** Some hundred models of one run. */
const historyCharactersMax = 1_000_000

export const putModel =
  'INSERT INTO run_models (run_id, model_id, direction, step) VALUES (?, ?, ?, ?) ON CONFLICT (run_id, model_id, direction) DO UPDATE SET step = excluded.step'

const requireCounts = (metrics: number, params: number, tags: number): void => {
  const refuse = (kind: string, max: number, count: number): never => {
    throw fail('invalid_parameter', {
      reason: `A batch logging request can contain at most ${max} ${kind}. Got ${count} ${kind}. Please split up ${kind} across multiple requests and try again.`,
    })
  }
  if (metrics > batchMax.metrics) refuse('metrics', batchMax.metrics, metrics)
  if (params > batchMax.params) refuse('params', batchMax.params, params)
  if (tags > batchMax.tags) refuse('tags', batchMax.tags, tags)
  const all = metrics + params + tags
  if (all > batchMax.entities) refuse('metrics, params, and tags', batchMax.entities, all)
}

export const requireMetric = (metric: LoggedMetric): void => {
  requireKey('Metric', metric.key)
  requireInteger('timestamp', metric.timestamp, 0)
  requireInteger('step', metric.step, Number.MIN_SAFE_INTEGER)
}

const storedParam = ({ key, value }: Param): Param => ({
  key: requireKey('Param', key),
  value: truncated(value, limits.paramValue),
})

const requireDistinct = (params: readonly Param[]): void => {
  const seen = new Set<string>()
  for (const { key } of params) {
    if (seen.has(key))
      throw fail('invalid_parameter', {
        reason: `Duplicate parameter keys have been submitted: ['${excerpt(key)}']. Please ensure the request contains only one param value per param key.`,
      })
    seen.add(key)
  }
}

/** Params are written once: the same value again changes nothing, another is refused. */
const putParams = async (tx: Queries, runId: string, params: readonly Param[]): Promise<void> => {
  if (params.length === 0) return
  const known = new Map<string, string>()
  for (const part of chunks(params)) {
    const rows = await tx.query<{ key: string; value: string }>(
      `SELECT key, value FROM params WHERE run_id = ? AND key IN (${placeholders(part.length)})`,
      [runId, ...part.map(({ key }) => key)],
    )
    for (const { key, value } of rows) known.set(key, value)
  }
  const changed = params.filter(({ key, value }) => known.has(key) && known.get(key) !== value)
  if (changed.length > 0) {
    const list = changed.map(
      ({ key, value }) =>
        `{'key': '${excerpt(key)}', 'old_value': '${excerpt(known.get(key) ?? '')}', 'new_value': '${excerpt(value)}'}`,
    )
    throw fail('invalid_parameter', {
      reason: `Changing param values is not allowed. Params were already logged='[${list.join(', ')}]' for run ID='${runId}'.`,
    })
  }
  await tx.executeMany(
    'INSERT INTO params (run_id, key, value) VALUES (?, ?, ?) ON CONFLICT (run_id, key) DO NOTHING',
    params.filter(({ key }) => !known.has(key)).map(({ key, value }) => [runId, key, value]),
  )
}

interface SeriesRow extends Readonly<Record<string, string | number>> {
  readonly series_id: number
  readonly key: string
  readonly latest_value: number
  readonly latest_is_nan: number
  readonly latest_step: number
  readonly latest_timestamp: number
}

const newestByKey = (metrics: readonly Metric[]): Map<string, Metric> => {
  const newest = new Map<string, Metric>()
  for (const metric of metrics) {
    const other = newest.get(metric.key)
    if (other === undefined || isNewer(metric, other)) newest.set(metric.key, metric)
  }
  return newest
}

const readSeries = async (tx: Queries, runId: string, keys: readonly string[]): Promise<Map<string, SeriesRow>> => {
  const series = new Map<string, SeriesRow>()
  for (const part of chunks(keys)) {
    const rows = await tx.query<SeriesRow>(
      `SELECT series_id, key, latest_value, latest_is_nan, latest_step, latest_timestamp FROM metric_series WHERE run_id = ? AND key IN (${placeholders(part.length)})`,
      [runId, ...part],
    )
    for (const row of rows) series.set(row.key, row)
  }
  return series
}

const latestOf = (row: SeriesRow): Metric => ({
  key: row.key,
  value: row.latest_is_nan === 1 ? NaN : row.latest_value,
  timestamp: row.latest_timestamp,
  step: row.latest_step,
})

/** Makes the series of metrics and moves each one's newest value; gives their ids by key. */
export const touchSeries = async (
  tx: Queries,
  runId: string,
  metrics: readonly Metric[],
): Promise<ReadonlyMap<string, number>> => {
  const newest = newestByKey(metrics)
  let series = await readSeries(tx, runId, [...newest.keys()])
  const missing = [...newest.values()].filter(({ key }) => !series.has(key))
  if (missing.length > 0) {
    await tx.executeMany(
      `INSERT INTO metric_series (run_id, key, latest_value, latest_is_nan, latest_step, latest_timestamp) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (run_id, key) DO NOTHING`,
      missing.map((metric) => [runId, metric.key, ...latestColumns(metric)]),
    )
    series = await readSeries(tx, runId, [...newest.keys()])
  }
  const moved = [...newest.values()].flatMap((metric) => {
    const row = series.get(metric.key)
    return row !== undefined && isNewer(metric, latestOf(row)) ? [[...latestColumns(metric), row.series_id]] : []
  })
  await tx.executeMany(
    'UPDATE metric_series SET latest_value = ?, latest_is_nan = ?, latest_step = ?, latest_timestamp = ? WHERE series_id = ?',
    moved,
  )
  return new Map([...series].map(([key, row]) => [key, row.series_id]))
}

/** Appends points and moves each metric's newest value. */
const putMetrics = async (tx: Queries, runId: string, metrics: readonly Metric[]): Promise<void> => {
  if (metrics.length === 0) return
  const series = await touchSeries(tx, runId, metrics)
  await tx.executeMany(
    'INSERT INTO metric_points (series_id, step, timestamp, value, is_nan) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
    metrics.map(({ key, step, timestamp, value }) => [
      series.get(key) ?? null,
      step,
      timestamp,
      storedValue(value),
      Number.isNaN(value) ? 1 : 0,
    ]),
  )
}

const latestColumns = (metric: Metric): number[] => [
  storedValue(metric.value),
  Number.isNaN(metric.value) ? 1 : 0,
  metric.step,
  metric.timestamp,
]

/** Metrics that name a logged model count for it as well, by data set. */
const putModelMetrics = async (tx: Queries, runId: string, metrics: readonly LoggedMetric[]): Promise<void> => {
  const rows = metrics.flatMap((metric) =>
    metric.modelId === undefined || metric.modelId === ''
      ? []
      : [
          [
            metric.modelId,
            metric.key,
            metric.datasetName ?? '',
            metric.datasetDigest ?? '',
            runId,
            ...latestColumns(metric),
          ],
        ],
  )
  if (rows.length === 0) return
  const models = [...new Set(rows.map(([modelId]) => String(modelId)))]
  for (const part of chunks(models)) {
    const known = await tx.query(
      `SELECT model_id FROM logged_models WHERE model_id IN (${placeholders(part.length)})`,
      part,
    )
    if (known.length < part.length) {
      const missing = part.find((model) => !known.some((row) => row['model_id'] === model)) ?? ''
      throw fail('resource_missing', { reason: `Logged model with ID '${excerpt(missing)}' not found.` })
    }
  }
  await tx.executeMany(
    `INSERT INTO logged_model_metrics (model_id, key, dataset_name, dataset_digest, run_id, latest_value, latest_is_nan, latest_step, latest_timestamp)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (model_id, key, dataset_name, dataset_digest, run_id) DO UPDATE SET
       latest_value = excluded.latest_value, latest_is_nan = excluded.latest_is_nan,
       latest_step = excluded.latest_step, latest_timestamp = excluded.latest_timestamp
     WHERE excluded.latest_step > logged_model_metrics.latest_step
        OR (excluded.latest_step = logged_model_metrics.latest_step AND excluded.latest_timestamp >= logged_model_metrics.latest_timestamp)`,
    rows,
  )
}

const contextTag = 'mlflow.data.context'

export const putInput = async (
  tx: Queries,
  runId: string,
  experimentId: number,
  { dataset, tags }: RunInput,
): Promise<void> => {
  requireLength('Dataset name', dataset.name, 500)
  requireLength('Dataset digest', dataset.digest, 36)
  requireLength('Dataset source', dataset.source, 65_535)
  requireLength('Dataset schema', dataset.schema ?? '', 1_048_575)
  requireLength('Dataset profile', dataset.profile ?? '', 16_777_215)
  for (const tag of tags) {
    requireLength('Input tag key', tag.key, limits.inputTagKey)
    requireLength('Input tag value', tag.value, limits.inputTagValue)
  }
  await tx.query(
    `INSERT INTO datasets (experiment_id, name, digest, source_type, source, schema, profile) VALUES (?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (experiment_id, name, digest) DO NOTHING`,
    [
      experimentId,
      dataset.name,
      dataset.digest,
      dataset.sourceType,
      dataset.source,
      dataset.schema ?? null,
      dataset.profile ?? null,
    ],
  )
  const context = tags.find((tag) => tag.key === contextTag)?.value ?? null
  await tx.query(
    `INSERT INTO run_inputs (run_id, dataset_id, context, tags)
     SELECT ?, dataset_id, ?, ? FROM datasets WHERE experiment_id = ? AND name = ? AND digest = ?
     ON CONFLICT (run_id, dataset_id) DO NOTHING`,
    [runId, context, JSON.stringify(tags), experimentId, dataset.name, dataset.digest],
  )
}
