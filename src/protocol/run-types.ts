import type { Done, KeyValue, OfExperiment, OfRun, Page, PageQuery, ViewName } from './common-types.ts'

/** What operations on experiments and runs take and give. Times are Unix ms. */

export interface ExperimentView {
  readonly experimentId: string
  readonly name: string
  readonly artifactLocation: string
  readonly lifecycleStage: 'active' | 'deleted'
  readonly creationTime: number
  readonly lastUpdateTime: number
  readonly tags: readonly KeyValue[]
}

/** A number as JSON carries it. */
export type MetricValue = number | 'NaN' | 'Infinity' | '-Infinity'

export interface MetricView {
  readonly key: string
  readonly value: MetricValue
  readonly timestamp: number
  readonly step: number
}

/** A data set that a run read. */
export interface DatasetInput {
  readonly name: string
  readonly digest: string
  /** Such as `http`, `s3` or `local`. */
  readonly sourceType: string
  readonly source: string
  /** JSON texts, as MLflow's data sets write them. */
  readonly schema?: string
  readonly profile?: string
  /** What for: `training`, `validation` or another. */
  readonly context?: string
}

/** A measurement that may belong to a logged model, and to the data it was taken on. */
export interface LoggedMetricView extends MetricView {
  readonly modelId?: string
  readonly datasetName?: string
  readonly datasetDigest?: string
}

export type RunStatusName = 'RUNNING' | 'SCHEDULED' | 'FINISHED' | 'FAILED' | 'KILLED'

export interface RunView {
  readonly runId: string
  readonly experimentId: string
  readonly name: string
  readonly userId: string
  readonly status: RunStatusName
  readonly startTime?: number | undefined
  readonly endTime?: number | undefined
  readonly artifactUri: string
  readonly lifecycleStage: 'active' | 'deleted'
  /** The newest value of each metric. */
  readonly metrics: readonly MetricView[]
  readonly params: readonly KeyValue[]
  readonly tags: readonly KeyValue[]
  readonly datasets: readonly Omit<DatasetInput, 'schema' | 'profile'>[]
  /** Ids of the logged models that it read and made. */
  readonly modelInputs: readonly string[]
  readonly modelOutputs: readonly string[]
}

export interface ArtifactView {
  readonly path: string
  readonly isFolder: boolean
  readonly bytes?: number | undefined
}

export interface RunApi {
  'experiments.search': { input: PageQuery & { readonly view?: ViewName }; output: Page<ExperimentView> }
  'experiments.create': {
    input: { readonly name: string; readonly artifactLocation?: string; readonly tags?: readonly KeyValue[] }
    output: ExperimentView
  }
  'experiments.get': { input: OfExperiment; output: ExperimentView }
  'experiments.rename': { input: OfExperiment & { readonly name: string }; output: ExperimentView }
  'experiments.delete': { input: OfExperiment; output: Done }
  'experiments.restore': { input: OfExperiment; output: Done }
  'experiments.setTag': { input: OfExperiment & KeyValue; output: Done }
  'experiments.deleteTag': { input: OfExperiment & { readonly key: string }; output: Done }
  'runs.search': {
    input: PageQuery & { readonly experimentIds: readonly string[]; readonly view?: ViewName }
    output: Page<RunView>
  }
  'runs.create': {
    input: {
      readonly experimentId?: string
      readonly name?: string
      readonly userId?: string
      readonly startTime?: number
      readonly tags?: readonly KeyValue[]
    }
    output: RunView
  }
  'runs.get': { input: OfRun; output: RunView }
  'runs.update': {
    input: OfRun & { readonly status?: RunStatusName; readonly endTime?: number; readonly name?: string }
    output: RunView
  }
  'runs.log': {
    input: OfRun & {
      readonly metrics?: readonly LoggedMetricView[]
      readonly params?: readonly KeyValue[]
      readonly tags?: readonly KeyValue[]
    }
    output: Done
  }
  'runs.history': {
    input: OfRun & { readonly key: string; readonly limit?: number; readonly pageToken?: string }
    output: Page<MetricView>
  }
  'runs.artifacts': { input: OfRun & { readonly path?: string }; output: Page<ArtifactView> }
  'runs.delete': { input: OfRun; output: Done }
  'runs.restore': { input: OfRun; output: Done }
  'runs.setTag': { input: OfRun & KeyValue; output: Done }
  'runs.deleteTag': { input: OfRun & { readonly key: string }; output: Done }
}
