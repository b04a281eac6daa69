import type { DataType } from '../../tensor/index.ts'
import { unwrittenOptimization } from './config-defaults.ts'
import type { Tree } from './tree.ts'

/** Which versions of a model should be served. */
export type VersionPolicy =
  | { readonly kind: 'latest'; readonly numVersions: number }
  | { readonly kind: 'all' }
  | { readonly kind: 'specific'; readonly versions: readonly number[] }

/** One input or output as the configuration declares it; `dims` leave the batch dimension out when maxBatchSize > 0. */
export interface TensorConfig {
  readonly name: string
  readonly dataType: DataType
  readonly dims: readonly number[]
  /** The dims that the model itself has, when they differ from those of requests. Empty for a scalar. */
  readonly reshape: readonly number[] | undefined
  readonly optional: boolean
  /** File in the model's folder with one class label a line; empty for none. Outputs only. */
  readonly labelFilename: string
  readonly kept: Tree
}

export interface QueuePolicyConfig {
  readonly timeoutAction: 'reject' | 'delay'
  readonly defaultTimeoutMicroseconds: number
  readonly allowTimeoutOverride: boolean
  /** 0 for no bound of its own. */
  readonly maxQueueSize: number
}

export interface DynamicBatchingConfig {
  readonly preferredBatchSize: readonly number[]
  readonly maxQueueDelayMicroseconds: number
  readonly preserveOrdering: boolean
  readonly priorityLevels: number
  readonly defaultPriorityLevel: number
  readonly defaultQueuePolicy: QueuePolicyConfig | undefined
  readonly priorityQueuePolicy: ReadonlyMap<number, QueuePolicyConfig>
}

export type InstanceKind = 'KIND_AUTO' | 'KIND_GPU' | 'KIND_CPU' | 'KIND_MODEL'

export interface InstanceGroup {
  readonly name: string
  readonly kind: InstanceKind
  readonly count: number
  readonly kept: Tree
}

export interface WarmupInput {
  readonly dataType: DataType
  readonly dims: readonly number[]
  readonly source:
    | { readonly kind: 'zero' }
    | { readonly kind: 'random' }
    | { readonly kind: 'file'; readonly file: string }
}

export interface WarmupSample {
  readonly name: string
  readonly batchSize: number
  readonly count: number
  readonly inputs: Readonly<Record<string, WarmupInput>>
}

/**
 * A model's configuration: Triton's ModelConfig as far as this server acts on it. What else was written is in `kept` of
 * the message where it stands, to be shown.
 */
export interface ModelConfig {
  readonly name: string
  readonly platform: string
  readonly backend: string
  readonly versionPolicy: VersionPolicy
  /** Most rows of one run; 0 when the first dimension is not a batch, or when `written` lacks it: to be completed. */
  readonly maxBatchSize: number
  readonly inputs: readonly TensorConfig[]
  readonly outputs: readonly TensorConfig[]
  readonly dynamicBatching: DynamicBatchingConfig | undefined
  readonly instanceGroups: readonly InstanceGroup[]
  readonly modelWarmup: readonly WarmupSample[]
  readonly parameters: Readonly<Record<string, string>>
  /** Empty for the engine's own default. */
  readonly defaultModelFilename: string
  readonly optimization: { readonly graphLevel: number | undefined; readonly kept: Tree }
  readonly kept: Tree
  /** Names of the fields that were written, so that completion can tell 0 from nothing. */
  readonly written: ReadonlySet<string>
}

/** A configuration in which nothing is written. */
export const emptyModelConfig = (name: string): ModelConfig => ({
  name,
  platform: '',
  backend: '',
  versionPolicy: { kind: 'latest', numVersions: 1 },
  maxBatchSize: 0,
  inputs: [],
  outputs: [],
  dynamicBatching: undefined,
  instanceGroups: [],
  modelWarmup: [],
  parameters: {},
  defaultModelFilename: '',
  optimization: { graphLevel: undefined, kept: unwrittenOptimization },
  kept: {},
  written: new Set(),
})

/** dynamic_batching with everything left to the defaults: batches form from what is waiting, nothing is delayed. */
export const adaptiveBatching: DynamicBatchingConfig = {
  preferredBatchSize: [],
  maxQueueDelayMicroseconds: 0,
  preserveOrdering: false,
  priorityLevels: 0,
  defaultPriorityLevel: 0,
  defaultQueuePolicy: undefined,
  priorityQueuePolicy: new Map(),
}
