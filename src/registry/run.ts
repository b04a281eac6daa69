import type { LifecycleStage, Tag } from './experiment.ts'

export const runStatuses = ['RUNNING', 'SCHEDULED', 'FINISHED', 'FAILED', 'KILLED'] as const
export type RunStatus = (typeof runStatuses)[number]

export interface RunInfo {
  readonly runId: string
  readonly experimentId: string
  readonly name: string
  readonly userId: string
  readonly status: RunStatus
  /** Unix ms. */
  readonly startTime: number | undefined
  readonly endTime: number | undefined
  readonly artifactUri: string
  readonly lifecycleStage: LifecycleStage
}

export interface Param {
  readonly key: string
  readonly value: string
}

/** One measurement. */
export interface Metric {
  readonly key: string
  /** May be NaN or infinite. */
  readonly value: number
  /** Unix ms. */
  readonly timestamp: number
  readonly step: number
}

/** A measurement that also belongs to a logged model, and perhaps to the data it was taken on. */
export interface LoggedMetric extends Metric {
  readonly modelId?: string | undefined
  readonly datasetName?: string | undefined
  readonly datasetDigest?: string | undefined
}

export interface Run {
  readonly info: RunInfo
  /** The newest value of each metric: of the highest step, then the latest time, then the largest value. */
  readonly metrics: readonly Metric[]
  readonly params: readonly Param[]
  readonly tags: readonly Tag[]
  readonly inputs: readonly RunInput[]
  readonly modelInputs: readonly { readonly modelId: string }[]
  readonly modelOutputs: readonly { readonly modelId: string; readonly step: number }[]
}

export interface Dataset {
  readonly name: string
  readonly digest: string
  readonly sourceType: string
  readonly source: string
  readonly schema: string | undefined
  readonly profile: string | undefined
}

/** A data set that a run read. */
export interface RunInput {
  readonly dataset: Dataset
  readonly tags: readonly Tag[]
}

/** Whether the first of two measurements of one metric counts as the newer. */
export const isNewer = (a: Metric, b: Metric): boolean => {
  if (a.step !== b.step) return a.step > b.step
  if (a.timestamp !== b.timestamp) return a.timestamp > b.timestamp
  return storedValue(a.value) >= storedValue(b.value)
}

/** Databases have no NaN in common: it is kept as 0 beside a mark. */
export const storedValue = (value: number): number => (Number.isNaN(value) ? 0 : value)
