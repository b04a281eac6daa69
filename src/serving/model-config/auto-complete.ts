import type { TensorSpec } from '../../tensor/index.ts'
import { ConfigError } from './config-error.ts'
import type { ModelConfig, TensorConfig } from './model-config.ts'
import { adaptiveBatching, emptyModelConfig } from './model-config.ts'

export interface Completion {
  readonly name: string
  readonly config: ModelConfig | undefined
  /** What the loaded model says of itself; shapes with every dimension. */
  readonly model: {
    readonly engine: string
    /** Name of its file; undefined when that isn't in the folder of the version itself. */
    readonly file?: string | undefined
    readonly inputs: readonly TensorSpec[]
    readonly outputs: readonly TensorSpec[]
    /** Whether the engine takes several rows at once; undefined: when every first dimension is open. */
    readonly batched?: boolean
  }
  readonly defaults: { readonly rowsMax: number; readonly instances: number }
}

export interface Completed {
  readonly config: ModelConfig
  /** Whether maxBatchSize is the user's word, so that a request with more rows is refused. */
  readonly refuseAboveMaxBatch: boolean
}

/** Triton's names of the backends by engine. */
const backends: Readonly<Record<string, string>> = { onnx: 'onnxruntime', js: 'js', echo: 'echo' }
const platforms: Readonly<Record<string, string>> = { onnx: 'onnxruntime_onnx' }

/**
 * Completes a configuration from the model: engine, file, inputs, outputs, batching, instances. What was written is checked
 * against the model. Without a written max_batch_size a model whose first dimensions are all open is batched
 * adaptively, and requests may have any number of rows.
 */
export const autoComplete = ({ name, config, model, defaults }: Completion): Completed => {
  const base = config ?? emptyModelConfig(name)
  const batchWritten = base.written.has('max_batch_size')
  const maxBatchSize = batchWritten ? base.maxBatchSize : isBatched(model) ? defaults.rowsMax : 0
  const batched = maxBatchSize > 0
  const problems = [
    ...mismatches(base.inputs, model.inputs, { what: 'input', batched }),
    ...mismatches(base.outputs, model.outputs, { what: 'output', batched }),
  ]
  if (problems.length > 0) throw new ConfigError(problems)
  const instances =
    base.instanceGroups.length > 0
      ? base.instanceGroups
      : [{ name: `${name}_0`, kind: 'KIND_AUTO' as const, count: defaults.instances, kept: {} }]
  return {
    config: {
      ...base,
      name,
      ...engineFields(base, model),
      maxBatchSize,
      inputs: base.inputs.length > 0 ? base.inputs : tensorConfigs(model.inputs, batched),
      outputs: base.outputs.length > 0 ? base.outputs : tensorConfigs(model.outputs, batched),
      dynamicBatching: base.dynamicBatching ?? (batched && !batchWritten ? adaptiveBatching : undefined),
      instanceGroups: instances,
    },
    refuseAboveMaxBatch: batchWritten,
  }
}

const engineFields = (
  { platform, backend, defaultModelFilename }: ModelConfig,
  { engine, file = '' }: Completion['model'],
): Pick<ModelConfig, 'platform' | 'backend' | 'defaultModelFilename'> => ({
  platform: platform || (platforms[engine] ?? ''),
  backend: backend || (backends[engine] ?? engine),
  defaultModelFilename: defaultModelFilename || file,
})

const isBatched = (model: Completion['model']): boolean => {
  const tensors = [...model.inputs, ...model.outputs]
  return model.batched !== false && tensors.length > 0 && tensors.every((tensor) => tensor.shape[0] === -1)
}

const tensorConfigs = (specs: readonly TensorSpec[], batched: boolean): TensorConfig[] =>
  specs.map((spec) => ({
    name: spec.name,
    dataType: spec.datatype,
    dims: batched ? spec.shape.slice(1) : [...spec.shape],
    reshape: undefined,
    optional: spec.optional ?? false,
    labelFilename: '',
    kept: {},
  }))

const mismatches = (
  configured: readonly TensorConfig[],
  model: readonly TensorSpec[],
  { what, batched }: { readonly what: string; readonly batched: boolean },
): string[] => {
  const problems: string[] = []
  for (const tensor of configured) {
    const spec = model.find((candidate) => candidate.name === tensor.name)
    if (spec === undefined) {
      problems.push(`unexpected ${what} '${tensor.name}'; the model has ${model.map((known) => known.name).join(', ')}`)
      continue
    }
    if (tensor.dataType !== spec.datatype) {
      problems.push(`${what} '${tensor.name}': the configuration says ${tensor.dataType}, the model ${spec.datatype}`)
    }
    if (tensor.optional && spec.optional !== true) {
      problems.push(`${what} '${tensor.name}' is optional in the configuration; the model needs it in every run`)
    }
    const dims = tensor.reshape ?? tensor.dims
    const shape = batched ? [-1, ...dims] : dims
    if (!fits(shape, spec.shape)) {
      problems.push(
        `${what} '${tensor.name}': the configuration means the shape [${shape.join(',')}], the model has [${spec.shape.join(',')}]`,
      )
    }
  }
  if (configured.length > 0 && what === 'input') {
    for (const spec of model) {
      if (spec.optional !== true && !configured.some((tensor) => tensor.name === spec.name))
        problems.push(`input '${spec.name}' of the model is not configured`)
    }
  }
  return problems
}

/** An open dimension fits anything. */
const fits = (configured: readonly number[], model: readonly number[]): boolean =>
  configured.length === model.length &&
  configured.every((dimension, index) => dimension === -1 || model[index] === -1 || dimension === model[index])
