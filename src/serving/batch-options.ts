import type { BatchOptions, QueuePolicy } from './batcher/batch-queue.ts'
import type { ModelConfig, QueuePolicyConfig } from './model-config/model-config.ts'
import { adaptiveBatching } from './model-config/model-config.ts'

/** Turns a model's dynamic_batching settings into the batcher's. Without them, or without a batch dimension, requests run one by one. */
export const batchOptions = (config: ModelConfig, queueDepthMax: number): BatchOptions => {
  const batching = config.dynamicBatching ?? adaptiveBatching
  const joins = config.maxBatchSize > 0 && config.dynamicBatching !== undefined
  const delayMs = batching.maxQueueDelayMicroseconds / 1000
  return {
    rowsMax: joins ? config.maxBatchSize : 1,
    refuseAboveRowsMax: false,
    mode: joins ? (delayMs > 0 ? 'delay' : 'adaptive') : 'off',
    preferredRows: batching.preferredBatchSize,
    delayMs,
    preserveOrdering: batching.preserveOrdering,
    priorityLevels: batching.priorityLevels,
    priorityDefault: batching.defaultPriorityLevel,
    policyDefault: queuePolicy(batching.defaultQueuePolicy),
    policies: new Map([...batching.priorityQueuePolicy].map(([level, policy]) => [level, queuePolicy(policy)])),
    depthMax: queueDepthMax,
  }
}

const queuePolicy = (policy: QueuePolicyConfig | undefined): QueuePolicy => ({
  timeoutAction: policy?.timeoutAction ?? 'reject',
  timeoutMsDefault: (policy?.defaultTimeoutMicroseconds ?? 0) / 1000,
  allowTimeoutOverride: policy?.allowTimeoutOverride ?? false,
  depthMax: policy?.maxQueueSize ?? 0,
})
