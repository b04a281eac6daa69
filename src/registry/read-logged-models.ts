import type { Queries } from '../ports/index.ts'
import type { LifecycleStage, Tag } from './experiment.ts'
import type { LoggedModel, LoggedModelStatus, ModelMetric } from './logged-model.ts'
import type { Param } from './run.ts'
import { chunks, placeholders } from './sql.ts'

export interface LoggedModelRow extends Readonly<Record<string, string | number | null>> {
  readonly model_id: string
  readonly experiment_id: number
  readonly name: string
  readonly artifact_uri: string
  readonly status: string
  readonly status_message: string | null
  readonly model_type: string | null
  readonly source_run_id: string | null
  readonly lifecycle_stage: string
  readonly creation_time: number
  readonly last_updated_time: number
}

export const loggedModelColumns =
  'l.model_id, l.experiment_id, l.name, l.artifact_uri, l.status, l.status_message, l.model_type, l.source_run_id, l.lifecycle_stage, l.creation_time, l.last_updated_time'

interface Parts {
  readonly tags: Tag[]
  readonly params: Param[]
  readonly metrics: ModelMetric[]
  readonly registrations: { name: string; version: number }[]
}

interface MetricRow extends Readonly<Record<string, string | number>> {
  readonly model_id: string
  readonly key: string
  readonly dataset_name: string
  readonly dataset_digest: string
  readonly run_id: string
  readonly latest_value: number
  readonly latest_is_nan: number
  readonly latest_step: number
  readonly latest_timestamp: number
}

/** Completes logged models with what belongs to them: one statement a kind for up to 500 models. */
export const readLoggedModels = async (queries: Queries, rows: readonly LoggedModelRow[]): Promise<LoggedModel[]> => {
  const parts = new Map<string, Parts>(
    rows.map((row) => [row.model_id, { tags: [], params: [], metrics: [], registrations: [] }]),
  )
  for (const ids of chunks([...parts.keys()])) {
    const list = placeholders(ids.length)
    for (const kind of ['tags', 'params'] as const) {
      const pairs = await queries.query<{ model_id: string; key: string; value: string }>(
        `SELECT model_id, key, value FROM logged_model_${kind} WHERE model_id IN (${list}) ORDER BY model_id, key`,
        ids,
      )
      for (const { model_id: id, key, value } of pairs) parts.get(id)?.[kind].push({ key, value })
    }
    const metrics = await queries.query<MetricRow>(
      `SELECT model_id, key, dataset_name, dataset_digest, run_id, latest_value, latest_is_nan, latest_step, latest_timestamp FROM logged_model_metrics WHERE model_id IN (${list}) ORDER BY model_id, key`,
      ids,
    )
    for (const row of metrics) parts.get(row.model_id)?.metrics.push(metricOf(row))
    const registrations = await queries.query<{ model_id: string; name: string; version: number }>(
      `SELECT v.model_id, m.name, v.version FROM model_versions v JOIN registered_models m ON m.model_key = v.model_key WHERE v.model_id IN (${list}) ORDER BY m.name, v.version`,
      ids,
    )
    for (const { model_id: id, name, version } of registrations) parts.get(id)?.registrations.push({ name, version })
  }
  return rows.map((row) => ({
    modelId: row.model_id,
    experimentId: String(row.experiment_id),
    name: row.name,
    artifactUri: row.artifact_uri,
    status: row.status as LoggedModelStatus,
    statusMessage: row.status_message ?? '',
    modelType: row.model_type ?? '',
    sourceRunId: row.source_run_id ?? '',
    lifecycleStage: row.lifecycle_stage as LifecycleStage,
    creationTime: row.creation_time,
    lastUpdatedTime: row.last_updated_time,
    tags: [],
    params: [],
    metrics: [],
    registrations: [],
    ...parts.get(row.model_id),
  }))
}

const metricOf = (row: MetricRow): ModelMetric => ({
  key: row.key,
  value: row.latest_is_nan === 1 ? NaN : row.latest_value,
  timestamp: row.latest_timestamp,
  step: row.latest_step,
  modelId: row.model_id,
  datasetName: row.dataset_name,
  datasetDigest: row.dataset_digest,
  runId: row.run_id,
})
