import { jsonNumber } from '../../protocol/index.ts'
import type {
  Dataset,
  Experiment,
  LoggedModel,
  Metric,
  ModelVersion,
  RegisteredModel,
  Run,
  RunInfo,
  RunMetric,
  Tag,
} from '../../registry/index.ts'

/** Replies leave out what isn't set. */
const set = <T extends object>(fields: T): T =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== '')) as T

const lists = <T extends Readonly<Record<string, readonly unknown[]>>>(fields: T): Partial<T> =>
  Object.fromEntries(Object.entries(fields).filter(([, items]) => items.length > 0)) as Partial<T>

const tagView = ({ key, value }: Tag): Tag => ({ key, value })

export const experimentView = (experiment: Experiment): object => ({
  experiment_id: experiment.experimentId,
  name: experiment.name,
  artifact_location: experiment.artifactLocation,
  lifecycle_stage: experiment.lifecycleStage,
  last_update_time: experiment.lastUpdateTime,
  creation_time: experiment.creationTime,
  ...lists({ tags: experiment.tags.map(tagView) }),
})

export const runInfoView = (info: RunInfo): object =>
  set({
    run_uuid: info.runId,
    run_id: info.runId,
    run_name: info.name,
    experiment_id: info.experimentId,
    user_id: info.userId,
    status: info.status,
    start_time: info.startTime,
    end_time: info.endTime,
    artifact_uri: info.artifactUri,
    lifecycle_stage: info.lifecycleStage,
  })

export const metricView = ({ key, value, timestamp, step }: Metric): object => ({
  key,
  value: jsonNumber(value),
  timestamp,
  step,
})

export const runMetricView = (metric: RunMetric): object => ({ ...metricView(metric), run_id: metric.runId })

const datasetView = (dataset: Dataset): object =>
  set({
    name: dataset.name,
    digest: dataset.digest,
    source_type: dataset.sourceType,
    source: dataset.source,
    schema: dataset.schema,
    profile: dataset.profile,
  })

export const runView = (run: Run): object => {
  const inputs = lists({
    dataset_inputs: run.inputs.map(({ dataset, tags }) => ({
      ...lists({ tags: tags.map(tagView) }),
      dataset: datasetView(dataset),
    })),
    model_inputs: run.modelInputs.map(({ modelId }) => ({ model_id: modelId })),
  })
  const outputs = lists({ model_outputs: run.modelOutputs.map(({ modelId, step }) => ({ model_id: modelId, step })) })
  return {
    info: runInfoView(run.info),
    data: lists({ metrics: run.metrics.map(metricView), params: run.params.map(tagView), tags: run.tags.map(tagView) }),
    inputs,
    outputs,
  }
}

export const loggedModelView = (model: LoggedModel): object => ({
  info: {
    // These two are there also when they are empty.
    model_type: model.modelType ?? '',
    source_run_id: model.sourceRunId ?? '',
    ...set({
      model_id: model.modelId,
      experiment_id: model.experimentId,
      name: model.name,
      creation_timestamp_ms: model.creationTime,
      last_updated_timestamp_ms: model.lastUpdatedTime,
      artifact_uri: model.artifactUri,
      status: model.status,
      status_message: model.statusMessage,
      ...lists({
        tags: model.tags.map(tagView),
        registrations: model.registrations.map(({ name, version }) => ({ name, version: String(version) })),
      }),
    }),
  },
  data: lists({
    params: model.params.map(tagView),
    metrics: model.metrics.map((metric) =>
      set({
        ...metricView(metric),
        model_id: metric.modelId,
        dataset_name: metric.datasetName,
        dataset_digest: metric.datasetDigest,
        run_id: metric.runId,
      }),
    ),
  }),
})

export const modelVersionView = (version: ModelVersion): object => ({
  // These three are there also when they are empty.
  description: version.description,
  run_id: version.runId,
  run_link: version.runLink,
  ...set({
    name: version.name,
    version: String(version.version),
    creation_timestamp: version.creationTime,
    last_updated_timestamp: version.lastUpdatedTime,
    user_id: version.userId === 'anonymous' ? undefined : version.userId,
    current_stage: version.stage,
    source: version.source,
    status: version.status,
    status_message: version.statusMessage,
    model_id: version.modelId,
  }),
  ...lists({ tags: version.tags.map(tagView), aliases: version.aliases }),
})

export const registeredModelView = (model: RegisteredModel): object => ({
  ...set({
    name: model.name,
    creation_timestamp: model.creationTime,
    last_updated_timestamp: model.lastUpdatedTime,
    description: model.description,
  }),
  ...lists({
    latest_versions: model.latestVersions.map(modelVersionView),
    tags: model.tags.map(tagView),
    aliases: model.aliases.map(({ alias, version }) => ({ alias, version: String(version) })),
  }),
})

/** A page of a listing: the items under their name, and the token while there is more. */
export const pageView = (name: string, items: readonly object[], nextPageToken: string | undefined): object => ({
  ...(items.length === 0 ? {} : { [name]: items }),
  ...(nextPageToken === undefined ? {} : { next_page_token: nextPageToken }),
})
