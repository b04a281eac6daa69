import type { Queries } from '../../ports/index.ts'
import { fail } from '../../protocol/index.ts'
import type { ImportedLoggedModel, ImportOutcome } from '../../protocol/index.ts'
import { excerpt, limits, requireKey, requireLength } from '../limits.ts'
import { storedValue } from '../run.ts'
import { requireRemoteLocation } from '../source-uri.ts'
import { placeholders } from '../sql.ts'
import { digestOf, outcomeOfTaken, putMark, readMark } from './import-marks.ts'
import type { Place } from './import-runs.ts'
import { requireExperiment } from './import-runs.ts'

const requireModelId = (modelId: string): string => {
  if (/^m-[0-9a-f]{32}$/.test(modelId)) return modelId
  throw fail('invalid_parameter', { reason: `Invalid model ID: '${excerpt(modelId)}'` })
}

export const takeLoggedModel = async (
  tx: Queries,
  model: ImportedLoggedModel,
  place: Place,
): Promise<ImportOutcome> => {
  const modelId = requireModelId(model.modelId)
  requireLength('Logged model name', model.name, limits.modelName)
  if (model.artifactUri !== undefined) requireRemoteLocation(model.artifactUri)
  for (const { key } of model.params) requireKey('Param', key)
  for (const { key } of model.tags) requireKey('Tag', key)
  for (const { key } of model.metrics) requireKey('Metric', key)
  const digest = digestOf(model)
  const [taken] = await tx.query('SELECT 1 AS taken FROM logged_models WHERE model_id = ?', [modelId])
  if (taken !== undefined)
    return outcomeOfTaken(await readMark(tx, 'logged_model', modelId), {
      digest,
      id: modelId,
      what: `logged model ${modelId}`,
    })
  const experimentId = await requireExperiment(tx, model.experimentId)
  const folder = `${place.defaultArtifactLocation(model.experimentId)}/models/${modelId}/artifacts`
  await tx.query(
    `INSERT INTO logged_models (model_id, experiment_id, name, artifact_uri, status, status_message, model_type,
       source_run_id, lifecycle_stage, creation_time, last_updated_time) VALUES (${placeholders(11)})`,
    [
      modelId,
      experimentId,
      model.name,
      model.artifactUri ?? folder,
      model.status,
      model.statusMessage ?? null,
      model.modelType ?? null,
      model.sourceRunId ?? null,
      model.lifecycleStage,
      model.creationTime,
      model.lastUpdatedTime,
    ],
  )
  for (const kind of ['params', 'tags'] as const)
    await tx.executeMany(
      `INSERT INTO logged_model_${kind} (model_id, key, value) VALUES (?, ?, ?) ON CONFLICT (model_id, key) DO NOTHING`,
      model[kind].map(({ key, value }) => [modelId, key, value]),
    )
  await putMetrics(tx, model)
  await putMark(tx, { kind: 'logged_model', id: modelId, digest }, place.nowMs)
  return { outcome: 'created', id: modelId }
}

const putMetrics = (tx: Queries, { modelId, metrics }: ImportedLoggedModel): Promise<void> =>
  tx.executeMany(
    `INSERT INTO logged_model_metrics (model_id, key, dataset_name, dataset_digest, run_id, latest_value, latest_is_nan,
       latest_step, latest_timestamp) VALUES (${placeholders(9)}) ON CONFLICT DO NOTHING`,
    metrics.map((metric) => {
      const value = Number(metric.value)
      return [
        modelId,
        metric.key,
        metric.datasetName ?? '',
        metric.datasetDigest ?? '',
        metric.runId,
        storedValue(value),
        Number.isNaN(value) ? 1 : 0,
        metric.step,
        metric.timestamp,
      ]
    }),
  )
