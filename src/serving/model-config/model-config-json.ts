import type { DataType } from '../../tensor/index.ts'
import type {
  DynamicBatchingConfig,
  ModelConfig,
  QueuePolicyConfig,
  TensorConfig,
  VersionPolicy,
  WarmupSample,
} from './model-config.ts'

/** 64-bit numbers are strings in proto3 JSON. */
const int64 = (value: number): string => String(value)

const typeName = (datatype: DataType): string => `TYPE_${datatype === 'BYTES' ? 'STRING' : datatype}`

/** The configuration as proto3 JSON under Triton's names, defaults included, as its config endpoint answers. */
export const modelConfigToJson = (config: ModelConfig): Record<string, unknown> => ({
  name: config.name,
  platform: config.platform,
  backend: config.backend,
  runtime: '',
  version_policy: versionPolicyJson(config.versionPolicy),
  max_batch_size: config.maxBatchSize,
  input: config.inputs.map((input) => ({
    ...tensorJson(input),
    format: 'FORMAT_NONE',
    is_shape_tensor: false,
    allow_ragged_batch: false,
    optional: input.optional,
    is_non_linear_format_io: false,
  })),
  output: config.outputs.map((output) => ({
    ...tensorJson(output),
    label_filename: output.labelFilename,
    is_shape_tensor: false,
    is_non_linear_format_io: false,
  })),
  batch_input: [],
  batch_output: [],
  optimization: {
    priority: 'PRIORITY_DEFAULT',
    ...(config.optimization.graphLevel === undefined ? {} : { graph: { level: config.optimization.graphLevel } }),
    input_pinned_memory: { enable: true },
    output_pinned_memory: { enable: true },
    gather_kernel_buffer_threshold: 0,
    eager_batching: false,
  },
  ...(config.dynamicBatching === undefined ? {} : { dynamic_batching: dynamicBatchingJson(config.dynamicBatching) }),
  instance_group: config.instanceGroups.map((group) => ({
    ...group,
    secondary_devices: [],
    profile: [],
    passive: false,
    host_policy: '',
  })),
  default_model_filename: config.defaultModelFilename,
  cc_model_filenames: {},
  metric_tags: config.metricTags,
  parameters: Object.fromEntries(
    Object.entries(config.parameters).map(([key, value]) => [key, { string_value: value }]),
  ),
  model_warmup: config.modelWarmup.map(warmupJson),
})

const tensorJson = (tensor: TensorConfig): Record<string, unknown> => ({
  name: tensor.name,
  data_type: typeName(tensor.dataType),
  dims: tensor.dims.map(int64),
  ...(tensor.reshape === undefined ? {} : { reshape: { shape: tensor.reshape.map(int64) } }),
})

const versionPolicyJson = (policy: VersionPolicy): Record<string, unknown> => {
  switch (policy.kind) {
    case 'all':
      return { all: {} }
    case 'specific':
      return { specific: { versions: policy.versions.map(int64) } }
    case 'latest':
      return { latest: { num_versions: policy.numVersions } }
  }
}

const dynamicBatchingJson = (batching: DynamicBatchingConfig): Record<string, unknown> => ({
  preferred_batch_size: batching.preferredBatchSize,
  max_queue_delay_microseconds: int64(batching.maxQueueDelayMicroseconds),
  preserve_ordering: batching.preserveOrdering,
  priority_levels: int64(batching.priorityLevels),
  default_priority_level: int64(batching.defaultPriorityLevel),
  ...(batching.defaultQueuePolicy === undefined
    ? {}
    : { default_queue_policy: queuePolicyJson(batching.defaultQueuePolicy) }),
  priority_queue_policy: Object.fromEntries(
    [...batching.priorityQueuePolicy].map(([level, policy]) => [level, queuePolicyJson(policy)]),
  ),
})

const queuePolicyJson = (policy: QueuePolicyConfig): Record<string, unknown> => ({
  timeout_action: policy.timeoutAction === 'delay' ? 'DELAY' : 'REJECT',
  default_timeout_microseconds: int64(policy.defaultTimeoutMicroseconds),
  allow_timeout_override: policy.allowTimeoutOverride,
  max_queue_size: policy.maxQueueSize,
})

const warmupJson = (sample: WarmupSample): Record<string, unknown> => ({
  name: sample.name,
  batch_size: sample.batchSize,
  count: sample.count,
  inputs: Object.fromEntries(
    Object.entries(sample.inputs).map(([name, { dataType, dims, source }]) => [
      name,
      {
        data_type: typeName(dataType),
        dims: dims.map(int64),
        ...(source.kind === 'file' ? { input_data_file: source.file } : { [`${source.kind}_data`]: true }),
      },
    ]),
  ),
})
