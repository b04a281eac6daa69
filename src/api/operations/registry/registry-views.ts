import { jsonNumber } from '../../../protocol/index.ts'
import type {
  ExperimentView,
  MetricView,
  ModelVersionView,
  Page,
  RegisteredModelView,
  RunView,
} from '../../../protocol/index.ts'
import type { Experiment, Metric, ModelVersion, RegisteredModel, Run, RunInput } from '../../../registry/index.ts'

/** The tag of a run's data set that says what it was for. */
export const contextTag = 'mlflow.data.context'

export const experimentView = (experiment: Experiment): ExperimentView => experiment

export const metricView = ({ key, value, timestamp, step }: Metric): MetricView => ({
  key,
  value: jsonNumber(value),
  timestamp,
  step,
})

const datasetView = ({
  dataset: { name, digest, source, sourceType },
  tags,
}: RunInput): RunView['datasets'][number] => {
  const context = tags.find(({ key }) => key === contextTag)?.value
  return { name, digest, sourceType, source, ...(context === undefined ? {} : { context }) }
}

export const runView = ({ info, metrics, params, tags, inputs, modelInputs, modelOutputs }: Run): RunView => ({
  ...info,
  metrics: metrics.map(metricView),
  params,
  tags,
  datasets: inputs.map(datasetView),
  modelInputs: modelInputs.map(({ modelId }) => modelId),
  modelOutputs: modelOutputs.map(({ modelId }) => modelId),
})

/** Where its files are is left out: only the download address tells it. */
export const versionView = (version: ModelVersion): ModelVersionView => ({
  name: version.name,
  version: version.version,
  creationTime: version.creationTime,
  lastUpdatedTime: version.lastUpdatedTime,
  description: version.description,
  userId: version.userId,
  stage: version.stage,
  source: version.source,
  runId: version.runId,
  modelId: version.modelId,
  status: version.status,
  tags: version.tags,
  aliases: version.aliases,
})

export const modelView = (model: RegisteredModel): RegisteredModelView => ({
  ...model,
  latestVersions: model.latestVersions.map(versionView),
})

/** A page of items, seen through a view. */
export const pageView = <From, To>(
  { items, nextPageToken }: { readonly items: readonly From[]; readonly nextPageToken: string | undefined },
  view: (item: From) => To,
): Page<To> => ({ items: items.map(view), ...(nextPageToken === undefined ? {} : { nextPageToken }) })
