import { priorityLevelsMax } from '../batcher/batch-options.ts'
import { ConfigError } from './config-error.ts'
import type { ModelConfig, TensorConfig } from './model-config.ts'

/** Instances are processes; more than this on one machine is a slip of the pen. */
const instancesMax = 256

/** A load waits for every warm-up run; more of them than this never ends. */
const warmupRunsMax = 10_000

/** Checks a configuration by itself, before any file is touched. Throws ConfigError with every problem. */
export const validateModelConfig = (config: ModelConfig, folderName: string): void => {
  const problems = [
    ...(config.name !== '' && config.name !== folderName
      ? [`name '${config.name}' is not the name of its folder, '${folderName}'`]
      : []),
    ...(config.maxBatchSize < 0 ? [`max_batch_size ${config.maxBatchSize} is below 0`] : []),
    ...batchingProblems(config),
    ...tensorProblems(config.inputs, 'input'),
    ...tensorProblems(config.outputs, 'output'),
    ...warmupProblems(config),
    ...fileProblems(config),
    ...instanceProblems(config),
    ...versionProblems(config),
  ]
  if (problems.length > 0) throw new ConfigError(problems)
}

const batchingProblems = ({ dynamicBatching, maxBatchSize }: ModelConfig): string[] => {
  if (dynamicBatching === undefined) return []
  const problems: string[] = []
  for (const size of dynamicBatching.preferredBatchSize) {
    if (size <= 0) problems.push(`preferred_batch_size ${size} is not above 0`)
    if (maxBatchSize > 0 && size > maxBatchSize)
      problems.push(`preferred_batch_size ${size} is above max_batch_size ${maxBatchSize}`)
  }
  const { priorityLevels, defaultPriorityLevel, priorityQueuePolicy } = dynamicBatching
  if (priorityLevels > priorityLevelsMax)
    problems.push(`priority_levels ${priorityLevels} is above ${priorityLevelsMax}`)
  if (defaultPriorityLevel > priorityLevels)
    problems.push(`default_priority_level ${defaultPriorityLevel} is above priority_levels ${priorityLevels}`)
  if (priorityLevels > 0 && defaultPriorityLevel === 0) problems.push('priority_levels needs a default_priority_level')
  for (const level of priorityQueuePolicy.keys()) {
    if (!(level >= 1 && level <= priorityLevels))
      problems.push(`priority_queue_policy names level ${level}; there are ${priorityLevels}`)
  }
  return problems
}

const tensorProblems = (tensors: readonly TensorConfig[], what: string): string[] => {
  const problems: string[] = []
  const names = new Set<string>()
  for (const tensor of tensors) {
    if (tensor.name === '') problems.push(`an ${what} has no name`)
    if (names.has(tensor.name)) problems.push(`${what} '${tensor.name}' appears twice`)
    names.add(tensor.name)
    const { dims, reshape } = tensor
    const wrong = [dims, reshape ?? []].map((shape) => shape.some((dimension) => dimension === 0 || dimension < -1))
    if (wrong[0] === true)
      problems.push(`${what} '${tensor.name}' has dims [${dims.join(',')}]; each is above 0, or -1 for any size`)
    if (wrong[1] === true)
      problems.push(`${what} '${tensor.name}' has reshape [${reshape?.join(',')}]; each is above 0, or -1 for any size`)
    if (reshape !== undefined && !wrong.includes(true) && !holdsAsMany(dims, reshape)) {
      problems.push(
        `${what} '${tensor.name}' has dims [${dims.join(',')}] and reshape [${reshape.join(',')}]; both must hold as many elements, also between dimensions of -1`,
      )
    }
  }
  return problems
}

/** Whether two shapes have as many dimensions of -1, and as many elements before, between and after those. */
const holdsAsMany = (dims: readonly number[], reshape: readonly number[]): boolean => {
  const counts = elementsBetween(dims)
  const others = elementsBetween(reshape)
  return (
    counts.length === others.length &&
    counts.every((count, index) => Number.isSafeInteger(count) && count === others[index])
  )
}

const elementsBetween = (shape: readonly number[]): number[] => {
  const counts: number[] = []
  let count = 1
  for (const dimension of shape) {
    if (dimension === -1) {
      counts.push(count)
      count = 1
    } else count *= dimension
  }
  return [...counts, count]
}

const warmupProblems = ({ modelWarmup, maxBatchSize }: ModelConfig): string[] => {
  const problems: string[] = []
  for (const sample of modelWarmup) {
    const what = `model_warmup '${sample.name}'`
    if (sample.count > warmupRunsMax) problems.push(`${what}: count ${sample.count} is above ${warmupRunsMax}`)
    if (maxBatchSize > 0 && sample.batchSize > maxBatchSize)
      problems.push(`${what}: batch_size ${sample.batchSize} is above max_batch_size ${maxBatchSize}`)
    for (const [name, { dims }] of Object.entries(sample.inputs)) {
      if (dims.some((dimension) => dimension < 1))
        problems.push(`${what}: input '${name}' has dims [${dims.join(',')}]; each is above 0`)
    }
  }
  return problems
}

const isPlainFileName = (name: string): boolean =>
  // eslint-disable-next-line no-control-regex -- control characters are what must be refused
  name !== '.' && name !== '..' && !/[/\\\u0000-\u001f]/.test(name)

const fileProblems = (config: ModelConfig): string[] => {
  const files = [
    config.defaultModelFilename,
    ...config.outputs.map((output) => output.labelFilename),
    ...config.modelWarmup.flatMap((sample) =>
      Object.values(sample.inputs).map((input) => (input.source.kind === 'file' ? input.source.file : '')),
    ),
  ]
  return files
    .filter((name) => name !== '' && !isPlainFileName(name))
    .map((name) => `'${name}' is not a plain file name`)
}

const instanceProblems = ({ instanceGroups }: ModelConfig): string[] => {
  const problems = instanceGroups
    .filter((group) => group.count < 1 || group.count > instancesMax)
    .map((group) => `instance_group count ${group.count} is not between 1 and ${instancesMax}`)
  const sum = instanceGroups.reduce((count, group) => count + group.count, 0)
  if (problems.length === 0 && sum > instancesMax) problems.push(`${sum} instances are more than ${instancesMax}`)
  return problems
}

const versionProblems = ({ versionPolicy }: ModelConfig): string[] => {
  if (versionPolicy.kind === 'specific') {
    const wrong = versionPolicy.versions.filter((version) => version < 1)
    return wrong.map((version) => `version_policy specific names version ${version}; the least is 1`)
  }
  return versionPolicy.kind === 'latest' && versionPolicy.numVersions < 1
    ? [`version_policy latest num_versions ${versionPolicy.numVersions} is below 1`]
    : []
}
