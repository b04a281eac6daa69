import type { DataType } from '../../tensor/index.ts'
import { messageJson } from './config-tree-json.ts'
import type { Tree } from './tree.ts'
import type {
  DynamicBatchingConfig,
  ModelConfig,
  QueuePolicyConfig,
  TensorConfig,
  VersionPolicy,
  WarmupSample,
} from './model-config.ts'

/** The configuration as proto3 JSON under Triton's names, defaults included, as its config endpoint answers. */
export const modelConfigToJson = (config: ModelConfig): Record<string, unknown> =>
  messageJson('ModelConfig', configTree(config))

const configTree = (config: ModelConfig): Tree => ({
  ...config.kept,
  name: config.name,
  platform: config.platform,
  backend: config.backend,
  version_policy: versionPolicyTree(config.versionPolicy),
  max_batch_size: config.maxBatchSize,
  input: config.inputs.map((input) => ({ ...tensorTree(input), optional: input.optional })),
  output: config.outputs.map((output) => ({ ...tensorTree(output), label_filename: output.labelFilename })),
  optimization: {
    ...config.optimization.kept,
    ...(config.optimization.graphLevel === undefined ? {} : { graph: { level: config.optimization.graphLevel } }),
  },
  ...(config.dynamicBatching === undefined ? {} : { dynamic_batching: dynamicBatchingTree(config.dynamicBatching) }),
  instance_group: config.instanceGroups.map(({ name, kind, count, kept }) => ({ ...kept, name, kind, count })),
  default_model_filename: config.defaultModelFilename,
  parameters: new Map(Object.entries(config.parameters).map(([key, value]) => [key, { string_value: value }])),
  model_warmup: config.modelWarmup.map(warmupTree),
})

const typeName = (datatype: DataType): string => `TYPE_${datatype === 'BYTES' ? 'STRING' : datatype}`

const tensorTree = (tensor: TensorConfig): Tree => ({
  ...tensor.kept,
  name: tensor.name,
  data_type: typeName(tensor.dataType),
  dims: tensor.dims,
  ...(tensor.reshape === undefined ? {} : { reshape: { shape: tensor.reshape } }),
})

const versionPolicyTree = (policy: VersionPolicy): Tree => {
  switch (policy.kind) {
    case 'all':
      return { all: {} }
    case 'specific':
      return { specific: { versions: policy.versions } }
    case 'latest':
      return { latest: { num_versions: policy.numVersions } }
  }
}

const dynamicBatchingTree = (batching: DynamicBatchingConfig): Tree => ({
  preferred_batch_size: batching.preferredBatchSize,
  max_queue_delay_microseconds: batching.maxQueueDelayMicroseconds,
  preserve_ordering: batching.preserveOrdering,
  priority_levels: batching.priorityLevels,
  default_priority_level: batching.defaultPriorityLevel,
  ...(batching.defaultQueuePolicy === undefined
    ? {}
    : { default_queue_policy: queuePolicyTree(batching.defaultQueuePolicy) }),
  priority_queue_policy: new Map(
    [...batching.priorityQueuePolicy].map(([level, policy]) => [String(level), queuePolicyTree(policy)]),
  ),
})

const queuePolicyTree = (policy: QueuePolicyConfig): Tree => ({
  timeout_action: policy.timeoutAction === 'delay' ? 'DELAY' : 'REJECT',
  default_timeout_microseconds: policy.defaultTimeoutMicroseconds,
  allow_timeout_override: policy.allowTimeoutOverride,
  max_queue_size: policy.maxQueueSize,
})

const warmupTree = (sample: WarmupSample): Tree => ({
  name: sample.name,
  batch_size: sample.batchSize,
  count: sample.count,
  inputs: new Map(
    Object.entries(sample.inputs).map(([name, { dataType, dims, source }]) => [
      name,
      {
        data_type: typeName(dataType),
        dims,
        ...(source.kind === 'file' ? { input_data_file: source.file } : { [`${source.kind}_data`]: true }),
      },
    ]),
  ),
})
