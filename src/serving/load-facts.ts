import type { ModelConfig } from './model-config/model-config.ts'
import type { FoundVersion } from './model-source.ts'

/** Requests that the model's configuration lets wait. */
export const queueDepthOf = (config: ModelConfig | undefined): number =>
  config?.dynamicBatching?.defaultQueuePolicy?.maxQueueSize || Infinity

/** Memory of one instance that the model's configuration allows. */
export const memoryBytesMaxOf = (config: ModelConfig | undefined): number => {
  const bytes = Number(config?.parameters['memory_bytes_max'])
  return bytes > 0 ? bytes : Infinity
}

/** What a version was loaded from: when it changes, the version is loaded again. */
export const loadedFrom = (found: FoundVersion, config: ModelConfig | undefined): string =>
  `${found.fingerprint}\n${JSON.stringify(config ?? null, asLists)}`

/** Maps and sets have no JSON form of their own. */
export const asLists = (_: string, value: unknown): unknown =>
  value instanceof Map || value instanceof Set ? [...value] : value

/** The configuration that a version has; one that a request gave holds for all of them. */
export const configOf = (version: FoundVersion, ofModel: ModelConfig | undefined): ModelConfig | undefined =>
  version.config ?? ofModel
