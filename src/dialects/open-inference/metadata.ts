import { fail } from '../../protocol/index.ts'
import type { ModelManager, ModelStatus, ServedVersion, VersionFacts, VersionStatus } from '../../serving/index.ts'
import type { TensorSpec } from '../../tensor/index.ts'

/** Extensions of the protocol that this server speaks, by Triton's names. */
export const extensions: readonly string[] = [
  'binary_tensor_data',
  'classification',
  'model_configuration',
  'model_repository',
  'model_repository(unload_dependents)',
  'parameters',
  'schedule_policy',
  'statistics',
]

export interface ModelMetadata {
  readonly name: string
  readonly versions: readonly string[]
  readonly platform: string
  readonly inputs: readonly TensorMetadata[]
  readonly outputs: readonly TensorMetadata[]
}

export interface TensorMetadata {
  readonly name: string
  readonly datatype: string
  readonly shape: readonly number[]
}

/** Triton's platform names by engine. */
const platforms: Readonly<Record<string, string>> = { onnx: 'onnxruntime_onnx', js: 'js', echo: 'echo' }

const tensorMetadata = (spec: TensorSpec): TensorMetadata => ({
  name: spec.name,
  datatype: spec.datatype,
  shape: spec.shape,
})

/** Name, versions, inputs and outputs of a model; loads it when it was unloaded for want of memory. */
export const modelMetadata = async (
  models: ModelManager,
  model: string,
  version: string | undefined,
): Promise<ModelMetadata> => {
  const { signature, engine } = await requireFacts(models, model, version)
  const status = models.statusOf(model)
  return {
    name: model,
    versions: (status?.versions ?? []).filter((row) => row.state === 'ready').map((row) => String(row.version)),
    platform: platforms[engine] ?? engine,
    inputs: signature.inputs.map(tensorMetadata),
    outputs: signature.outputs.map(tensorMetadata),
  }
}

/** Whether a model (or one version of it) answers requests now, possibly after loading on demand. Throws model_not_found. */
export const isModelReady = (models: ModelManager, model: string, version: string | undefined): boolean => {
  const status = models.statusOf(model)
  if (status === undefined) throw fail('model_not_found', { model })
  if (version === undefined || version === '') return status.onDemand || models.get(model, undefined) !== undefined
  const row = status.versions.find((row) => String(row.version) === version)
  if (row === undefined) throw fail('version_not_found', { model, version })
  return row.onDemand || models.get(model, version) !== undefined
}

/** Whether some model should serve and has no version that can: unloading one on purpose breaks nothing. */
export const isAnyBroken = (models: ModelManager): boolean => models.status().some(isBroken)

const isBroken = ({ onDemand, versions, problem }: ModelStatus): boolean => {
  if (onDemand || versions.some((row) => row.state === 'ready')) return false
  if (versions.some((row) => row.reason === 'unloaded')) return false
  return problem !== undefined || versions.some((row) => row.reason !== '')
}

export interface IndexRow {
  readonly name: string
  readonly version: string
  readonly state: 'READY' | 'LOADING' | 'UNLOADING' | 'UNAVAILABLE'
  readonly reason: string
}

const indexStates = { ready: 'READY', loading: 'LOADING', unloading: 'UNLOADING', unavailable: 'UNAVAILABLE' } as const

/** The repository index: one row a version, or one row for a model without any. */
export const repositoryIndex = (models: ModelManager, readyOnly: boolean): IndexRow[] =>
  models
    .status()
    .flatMap((model) =>
      model.versions.length === 0 ? [emptyRow(model)] : model.versions.map((row) => indexRow(model, row)),
    )
    .filter((row) => !readyOnly || row.state === 'READY')

const emptyRow = (model: ModelStatus): IndexRow => ({
  name: model.name,
  version: '',
  state: 'UNAVAILABLE',
  reason: model.problem ?? '',
})

const indexRow = (model: ModelStatus, row: VersionStatus): IndexRow => ({
  name: model.name,
  version: String(row.version),
  state: indexStates[row.state],
  reason: row.reason !== '' ? row.reason : row.state === 'unavailable' ? (model.problem ?? '') : '',
})

/**
 * What is known of a version: also of one that is quarantined, so that whoever looks for the fault sees what failed.
 * Throws why there is nothing to serve for a version that never loaded, or is unloaded.
 */
export const requireFacts = async (
  models: ModelManager,
  model: string,
  version: string | undefined,
): Promise<VersionFacts> =>
  models.get(model, version)?.facts ??
  factsInMemory(models.statusOf(model), version) ??
  (await models.require(model, version)).facts

const factsInMemory = (status: ModelStatus | undefined, version: string | undefined): VersionFacts | undefined => {
  const named = version === undefined || version === '' ? String(status?.answers ?? '') : version
  return status?.versions.find((row) => String(row.version) === named)?.facts
}

/** The served version of a name for routes that describe it. */
export const requireServed = async (
  models: ModelManager,
  model: string,
  version: string | undefined,
): Promise<ServedVersion> => models.get(model, version) ?? models.require(model, version)

/**
 * Throws why a model has no statistics. Has none, but will, what the next request loads: to ask for the counters is not
 * to take the memory of another model.
 */
export const requireStatistics = async (
  models: ModelManager,
  model: string,
  version: string | undefined,
): Promise<void> => {
  const status = models.statusOf(model)
  const isNamed = version !== undefined && version !== ''
  const asked = isNamed ? status?.versions.find((row) => String(row.version) === version) : status
  if (asked?.onDemand !== true) await requireServed(models, model, version)
}
