import type { Signature, TensorSpec } from '../tensor/index.ts'
import type { ModelConfig, TensorConfig } from './model-config/model-config.ts'

/** The signature that requests are held to: the configuration's names, types and dims (not its reshapes), with the batch dimension in front when rows may be joined. */
export const fullSignature = (config: ModelConfig, model: Signature): Signature => ({
  inputs: specs(config.inputs, model.inputs, config.maxBatchSize > 0),
  outputs: specs(config.outputs, model.outputs, config.maxBatchSize > 0),
  ...(model.open === undefined ? {} : { open: model.open }),
  ...(model.readsBodies === undefined ? {} : { readsBodies: model.readsBodies }),
  ...(model.parameters === undefined ? {} : { parameters: model.parameters }),
})

const specs = (configured: readonly TensorConfig[], model: readonly TensorSpec[], batched: boolean): TensorSpec[] => {
  if (configured.length === 0) return [...model]
  return configured.map((tensor) => ({
    name: tensor.name,
    datatype: tensor.dataType,
    shape: batched ? [-1, ...tensor.dims] : [...tensor.dims],
    ...(tensor.optional ? { optional: true } : {}),
    ...contentOf(model.find(({ name }) => name === tensor.name)),
  }))
}

const contentOf = (spec: TensorSpec | undefined): Pick<TensorSpec, 'content'> =>
  spec?.content === undefined ? {} : { content: spec.content }
