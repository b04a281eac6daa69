import { reasonOf } from '../../lib/index.ts'
import type { DataType } from '../../tensor/index.ts'
import { keptFields, unwrittenOptimization } from './config-defaults.ts'
import { ConfigError } from './config-error.ts'
import type { ReadTree } from './config-tree.ts'
import type { Tree, TreeValue } from './tree.ts'
import { treeOfJson, treeOfText } from './config-tree.ts'
import type {
  DynamicBatchingConfig,
  InstanceGroup,
  InstanceKind,
  ModelConfig,
  QueuePolicyConfig,
  TensorConfig,
  VersionPolicy,
  WarmupInput,
  WarmupSample,
} from './model-config.ts'
import { configLengthMax, parseTextProto } from './text-proto.ts'

export interface ParsedConfig {
  readonly config: ModelConfig
  /** Fields that were understood but have no effect here. */
  readonly warnings: readonly string[]
}

/** Reads the text of a config.pbtxt. Throws ConfigError with every problem. */
export const parseModelConfigText = (text: string, source: string): ParsedConfig => {
  try {
    return modelConfig(treeOfText(parseTextProto(text)))
  } catch (error) {
    if (error instanceof ConfigError) throw new ConfigError(error.problems.map((problem) => `${source}: ${problem}`))
    throw error
  }
}

/** Reads a configuration as proto3 JSON, the form of load requests. */
export const parseModelConfigJson = (text: string): ParsedConfig => {
  if (text.length > configLengthMax)
    throw new ConfigError([`the configuration has ${text.length} characters; the limit is ${configLengthMax}`])
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    throw new ConfigError([`the configuration is not JSON: ${reasonOf(error)}`])
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw new ConfigError(['the configuration must be a JSON object'])
  return modelConfig(treeOfJson(json))
}

const text = (tree: Tree, name: string): string => (typeof tree[name] === 'string' ? tree[name] : '')
const number = (tree: Tree, name: string): number => (typeof tree[name] === 'number' ? tree[name] : 0)
const flag = (tree: Tree, name: string): boolean => tree[name] === true
const numbers = (tree: Tree, name: string): number[] => (Array.isArray(tree[name]) ? (tree[name] as number[]) : [])
const trees = (tree: Tree, name: string): Tree[] => (Array.isArray(tree[name]) ? (tree[name] as Tree[]) : [])
const map = (tree: Tree, name: string): ReadonlyMap<string, TreeValue> =>
  tree[name] instanceof Map ? (tree[name] as ReadonlyMap<string, TreeValue>) : new Map()
const child = (tree: Tree, name: string): Tree | undefined => tree[name] as Tree | undefined

const dataType = (tree: Tree): DataType => {
  const name = text(tree, 'data_type').replace('TYPE_', '')
  return name === 'STRING' ? 'BYTES' : (name as DataType)
}

const modelConfig = ({ tree, problems, warnings }: ReadTree): ParsedConfig => {
  if (problems.length > 0) throw new ConfigError(problems)
  const batching = child(tree, 'dynamic_batching')
  const config: ModelConfig = {
    name: text(tree, 'name'),
    platform: text(tree, 'platform'),
    backend: text(tree, 'backend'),
    versionPolicy: versionPolicy(child(tree, 'version_policy')),
    maxBatchSize: number(tree, 'max_batch_size'),
    inputs: trees(tree, 'input').map((input) => tensorConfig(input, 'Input')),
    outputs: trees(tree, 'output').map((output) => tensorConfig(output, 'Output')),
    dynamicBatching: batching === undefined ? undefined : dynamicBatching(batching),
    instanceGroups: trees(tree, 'instance_group').map(instanceGroup),
    modelWarmup: trees(tree, 'model_warmup').map(warmupSample),
    parameters: Object.fromEntries(
      [...map(tree, 'parameters')].map(([key, value]) => [key, text(value as Tree, 'string_value')]),
    ),
    defaultModelFilename: text(tree, 'default_model_filename'),
    optimization: optimization(child(tree, 'optimization') ?? {}),
    kept: keptFields('ModelConfig', tree),
    written: new Set(Object.keys(tree)),
  }
  return { config, warnings }
}

const versionPolicy = (tree: Tree | undefined): VersionPolicy => {
  if (tree?.['all'] !== undefined) return { kind: 'all' }
  const specific = tree === undefined ? undefined : child(tree, 'specific')
  if (specific !== undefined) return { kind: 'specific', versions: numbers(specific, 'versions') }
  const latest = tree === undefined ? undefined : child(tree, 'latest')
  return { kind: 'latest', numVersions: latest === undefined ? 1 : number(latest, 'num_versions') }
}

const optimization = (tree: Tree): ModelConfig['optimization'] => {
  const graph = child(tree, 'graph')
  return {
    graphLevel: graph === undefined ? undefined : number(graph, 'level'),
    kept: { ...unwrittenOptimization, ...keptFields('Optimization', tree) },
  }
}

const tensorConfig = (tree: Tree, message: 'Input' | 'Output'): TensorConfig => {
  const reshape = child(tree, 'reshape')
  return {
    name: text(tree, 'name'),
    dataType: dataType(tree),
    dims: numbers(tree, 'dims'),
    reshape: reshape === undefined ? undefined : numbers(reshape, 'shape'),
    optional: flag(tree, 'optional'),
    labelFilename: text(tree, 'label_filename'),
    kept: keptFields(message, tree),
  }
}

const dynamicBatching = (tree: Tree): DynamicBatchingConfig => {
  const policy = child(tree, 'default_queue_policy')
  return {
    preferredBatchSize: numbers(tree, 'preferred_batch_size'),
    maxQueueDelayMicroseconds: number(tree, 'max_queue_delay_microseconds'),
    preserveOrdering: flag(tree, 'preserve_ordering'),
    priorityLevels: number(tree, 'priority_levels'),
    defaultPriorityLevel: number(tree, 'default_priority_level'),
    defaultQueuePolicy: policy === undefined ? undefined : queuePolicy(policy),
    priorityQueuePolicy: new Map(
      [...map(tree, 'priority_queue_policy')].map(([level, value]) => [Number(level), queuePolicy(value as Tree)]),
    ),
  }
}

const queuePolicy = (tree: Tree): QueuePolicyConfig => ({
  timeoutAction: tree['timeout_action'] === 'DELAY' ? 'delay' : 'reject',
  defaultTimeoutMicroseconds: number(tree, 'default_timeout_microseconds'),
  allowTimeoutOverride: flag(tree, 'allow_timeout_override'),
  maxQueueSize: number(tree, 'max_queue_size'),
})

const instanceGroup = (tree: Tree): InstanceGroup => ({
  name: text(tree, 'name'),
  kind: (tree['kind'] ?? 'KIND_AUTO') as InstanceKind,
  count: tree['count'] === undefined ? 1 : number(tree, 'count'),
  kept: keptFields('InstanceGroup', tree),
})

const warmupSample = (tree: Tree): WarmupSample => ({
  name: text(tree, 'name'),
  batchSize: number(tree, 'batch_size'),
  count: number(tree, 'count'),
  inputs: Object.fromEntries([...map(tree, 'inputs')].map(([name, value]) => [name, warmupInput(value as Tree)])),
})

const warmupInput = (tree: Tree): WarmupInput => {
  const file = text(tree, 'input_data_file')
  return {
    dataType: dataType(tree),
    dims: numbers(tree, 'dims'),
    source: file !== '' ? { kind: 'file', file } : { kind: flag(tree, 'random_data') ? 'random' : 'zero' },
  }
}
