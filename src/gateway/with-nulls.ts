import { fail } from '../protocol/index.ts'
import type { Signature, Tensor } from '../tensor/index.ts'
import type { InferCall } from './infer-call.ts'

/**
 * The inputs of a call with the marks of their nulls as inputs of their own, for engines that know them; no client can
 * name one so.
 */
export const withNulls = (
  { model, inputs, nulls }: Pick<InferCall, 'model' | 'inputs' | 'nulls'>,
  signature: Signature,
): readonly Tensor[] => {
  if (nulls === undefined) return inputs
  const marks: Tensor[] = []
  for (const [name, data] of nulls) {
    const input = inputs.find((candidate) => candidate.name === name)
    if (signature.open !== true || input === undefined)
      throw fail('invalid_tensor', { tensor: name, reason: `model '${model}' takes no nulls` })
    marks.push({ name: `${name}\0null`, datatype: 'BOOL', shape: input.shape, data })
  }
  return [...inputs, ...marks]
}
