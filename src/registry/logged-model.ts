import type { LifecycleStage, Tag } from './experiment.ts'
import type { Metric, Param } from './run.ts'

export const loggedModelStatuses = [
  'LOGGED_MODEL_STATUS_UNSPECIFIED',
  'LOGGED_MODEL_PENDING',
  'LOGGED_MODEL_READY',
  'LOGGED_MODEL_UPLOAD_FAILED',
] as const
export type LoggedModelStatus = (typeof loggedModelStatuses)[number]

export interface ModelMetric extends Metric {
  readonly modelId: string
  readonly datasetName: string
  readonly datasetDigest: string
  readonly runId: string
}

/** A model as it came out of training, before anybody registers it. */
export interface LoggedModel {
  readonly modelId: string
  readonly experimentId: string
  readonly name: string
  readonly artifactUri: string
  readonly status: LoggedModelStatus
  readonly statusMessage: string
  readonly modelType: string
  readonly sourceRunId: string
  readonly lifecycleStage: LifecycleStage
  readonly creationTime: number
  readonly lastUpdatedTime: number
  readonly tags: readonly Tag[]
  readonly params: readonly Param[]
  readonly metrics: readonly ModelMetric[]
  readonly registrations: readonly { readonly name: string; readonly version: number }[]
}
