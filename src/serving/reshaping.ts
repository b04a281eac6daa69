import type { ModelConfig, TensorConfig } from './model-config/model-config.ts'

interface Shaped {
  readonly name: string
  readonly shape: readonly number[]
}

/** A tensor has not the shape from which it should be reshaped. */
export class ReshapeError extends Error {
  override name = 'ReshapeError'
}

/** Brings tensors from the shapes of requests to those of the model, and back. The data stay as they are. */
export interface Reshaping {
  toModel<T extends Shaped>(inputs: readonly T[]): readonly T[]
  toClient<T extends Shaped>(outputs: readonly T[]): readonly T[]
}

/** The reshaping of a completed configuration; undefined when no tensor has one. */
export const reshaping = (config: ModelConfig): Reshaping | undefined => {
  const rowDimensions = config.maxBatchSize > 0 ? 1 : 0
  const inputs = changes(config.inputs, (tensor, reshape) => ({ from: tensor.dims, to: reshape }))
  const outputs = changes(config.outputs, (tensor, reshape) => ({ from: reshape, to: tensor.dims }))
  if (inputs.size === 0 && outputs.size === 0) return undefined
  return {
    toModel: (tensors) => tensors.map((tensor) => reshaped(tensor, inputs.get(tensor.name), rowDimensions)),
    toClient: (tensors) => tensors.map((tensor) => reshaped(tensor, outputs.get(tensor.name), rowDimensions)),
  }
}

interface Change {
  readonly from: readonly number[]
  readonly to: readonly number[]
}

const changes = (
  tensors: readonly TensorConfig[],
  change: (tensor: TensorConfig, reshape: readonly number[]) => Change,
): ReadonlyMap<string, Change> =>
  new Map(
    tensors.flatMap((tensor) => (tensor.reshape === undefined ? [] : [[tensor.name, change(tensor, tensor.reshape)]])),
  )

const reshaped = <T extends Shaped>(tensor: T, change: Change | undefined, rowDimensions: number): T => {
  if (change === undefined) return tensor
  const rows = tensor.shape.slice(0, rowDimensions)
  const dims =
    rows.length === rowDimensions ? reshapeDims(tensor.shape.slice(rowDimensions), change.from, change.to) : undefined
  if (dims === undefined) {
    const expected = [...(rowDimensions === 1 ? [-1] : []), ...change.from]
    throw new ReshapeError(
      `'${tensor.name}' has the shape [${tensor.shape.join(',')}]; its reshape is written for [${expected.join(',')}]`,
    )
  }
  return { ...tensor, shape: [...rows, ...dims] }
}

/** `to` with the sizes that a shape has where `from` has -1, in their order; undefined when the shape isn't one of `from`. */
export const reshapeDims = (
  shape: readonly number[],
  from: readonly number[],
  to: readonly number[],
): readonly number[] | undefined => {
  if (shape.length !== from.length) return undefined
  if (!shape.every((dimension, index) => from[index] === -1 || from[index] === dimension)) return undefined
  const open = shape.filter((_, index) => from[index] === -1)
  let next = 0
  return to.map((dimension) => (dimension === -1 ? (open[next++] ?? 0) : dimension))
}
