import type { AssessmentView, LoggedModelStatusName, TraceStateName } from './tracking-types.ts'
import type { KeyValue } from './common-types.ts'
import type { StageName } from './model-types.ts'
import type { MetricValue, RunStatusName } from './run-types.ts'

/** What another store kept, as it comes to this one: with its own ids and times (Unix ms). */

export type LifecycleName = 'active' | 'deleted'

export interface ImportedExperiment {
  /** The id that it had; kept where it is free and has at most 9 digits. */
  readonly experimentId: string
  readonly name: string
  readonly lifecycleStage: LifecycleName
  readonly creationTime?: number | undefined
  readonly lastUpdateTime?: number | undefined
  /** URI of a store elsewhere; without it this server keeps the artifacts. */
  readonly artifactLocation?: string | undefined
  readonly tags: readonly KeyValue[]
}

export interface ImportedInput {
  readonly name: string
  readonly digest: string
  readonly sourceType: string
  readonly source: string
  readonly schema?: string | undefined
  readonly profile?: string | undefined
  readonly tags: readonly KeyValue[]
}

export interface ImportedRun {
  readonly runId: string
  /** As it is here. */
  readonly experimentId: string
  readonly name: string
  readonly userId: string
  readonly status: RunStatusName
  readonly startTime?: number | undefined
  readonly endTime?: number | undefined
  readonly deletedTime?: number | undefined
  readonly lifecycleStage: LifecycleName
  /** URI of a store elsewhere. */
  readonly artifactUri?: string | undefined
  readonly params: readonly KeyValue[]
  readonly tags: readonly KeyValue[]
  readonly inputs: readonly ImportedInput[]
  readonly modelInputs: readonly { readonly modelId: string }[]
  readonly modelOutputs: readonly { readonly modelId: string; readonly step: number }[]
}

/** Points of one metric of a run, as columns of one length. */
export interface ImportedPoints {
  readonly runId: string
  readonly key: string
  readonly steps: readonly number[]
  readonly timestamps: readonly number[]
  readonly values: readonly MetricValue[]
}

export interface ImportedModelMetric {
  readonly key: string
  readonly value: MetricValue
  readonly timestamp: number
  readonly step: number
  readonly runId: string
  readonly datasetName?: string | undefined
  readonly datasetDigest?: string | undefined
}

export interface ImportedLoggedModel {
  readonly modelId: string
  readonly experimentId: string
  readonly name: string
  readonly status: LoggedModelStatusName
  readonly statusMessage?: string | undefined
  readonly modelType?: string | undefined
  readonly sourceRunId?: string | undefined
  readonly lifecycleStage: LifecycleName
  readonly creationTime: number
  readonly lastUpdatedTime: number
  readonly artifactUri?: string | undefined
  readonly params: readonly KeyValue[]
  readonly tags: readonly KeyValue[]
  /** The newest of each metric, run and data set. */
  readonly metrics: readonly ImportedModelMetric[]
}

export interface ImportedRegisteredModel {
  readonly name: string
  readonly description: string
  readonly creationTime: number
  readonly lastUpdatedTime: number
  /** The highest number that a version of it ever had. */
  readonly versionLast: number
  readonly tags: readonly KeyValue[]
}

export interface ImportedVersion {
  readonly name: string
  readonly version: number
  readonly creationTime: number
  readonly lastUpdatedTime: number
  readonly description: string
  readonly userId: string
  readonly stage: StageName
  /** As it is shown; without it, where the files are. */
  readonly source?: string | undefined
  /** Where the files are, when the source doesn't tell: `runs:/RUN/PATH`, `models:/m-ID` or a URI of a store elsewhere. */
  readonly location?: string | undefined
  readonly runId: string
  readonly runLink: string
  readonly modelId: string
  readonly status: 'READY' | 'PENDING_REGISTRATION' | 'FAILED_REGISTRATION'
  readonly statusMessage: string
  readonly tags: readonly KeyValue[]
}

export interface ImportedAlias {
  readonly name: string
  readonly alias: string
  readonly version: number
}

/** Feedback on a trace, or what is expected of it. */
export interface ImportedAssessment extends AssessmentView {
  /** The assessment that this one replaces. */
  readonly overrides?: string | undefined
}

export interface ImportedTrace {
  readonly traceId: string
  readonly experimentId: string
  readonly timestamp: number
  readonly duration?: number | undefined
  readonly state: TraceStateName
  readonly clientRequestId?: string | undefined
  readonly requestPreview?: string | undefined
  readonly responsePreview?: string | undefined
  readonly tags: readonly KeyValue[]
  readonly metadata: readonly KeyValue[]
  readonly assessments?: readonly ImportedAssessment[] | undefined
}

/** Whose artifacts a file is among. */
export type FileOwnerName = 'run' | 'model' | 'trace'

export interface ImportedFile {
  readonly owner: FileOwnerName
  readonly id: string
  /** Below the artifacts of its owner. */
  readonly path: string
  /** SHA-256 in hex. */
  readonly digest: string
}

/**
 * What became of a record: `created`; `present`, since an import made it of the same content before; `conflict`, since
 * another is there, which stays as it is; `refused`, since it can't be kept, with the reason.
 */
export interface ImportOutcome {
  readonly outcome: 'created' | 'present' | 'conflict' | 'refused'
  /** The id here, when what belongs to the record may follow. */
  readonly id?: string
  readonly reason?: string
}

export interface ImportedPointsOutcome extends ImportOutcome {
  /** Points that weren't there. */
  readonly added: number
}

export interface ImportedFileOutcome {
  /** `missing`: it may be uploaded to `path`, which is below the artifact root. */
  readonly outcome: 'present' | 'missing' | 'conflict' | 'refused'
  readonly path?: string
  readonly reason?: string
}

interface Batch<Item> {
  readonly items: readonly Item[]
}

/** One outcome an item, in their order. */
interface Outcomes<Outcome = ImportOutcome> {
  readonly items: readonly Outcome[]
}

/** Operations that take what another store kept, in batches that are a transaction each. */
export interface ImportApi {
  'import.experiments': { input: Batch<ImportedExperiment>; output: Outcomes }
  'import.runs': { input: Batch<ImportedRun>; output: Outcomes }
  'import.metrics': { input: Batch<ImportedPoints>; output: Outcomes<ImportedPointsOutcome> }
  'import.loggedModels': { input: Batch<ImportedLoggedModel>; output: Outcomes }
  'import.registeredModels': { input: Batch<ImportedRegisteredModel>; output: Outcomes }
  'import.versions': { input: Batch<ImportedVersion>; output: Outcomes }
  'import.aliases': { input: Batch<ImportedAlias>; output: Outcomes }
  'import.traces': { input: Batch<ImportedTrace>; output: Outcomes }
  'import.files': { input: Batch<ImportedFile>; output: Outcomes<ImportedFileOutcome> }
}
