import { fail } from '../protocol/index.ts'
import type { Signature, Tensor } from '../tensor/index.ts'
import type { InferCall } from './infer-call.ts'

/**
 * The inputs of a call with the marks of their nulls as inputs of their own, for engines that know them, or its body for
 * a model that reads it; no client can name an input so.
 */
export const taskInputs = (
  { model, inputs, nulls, document }: Pick<InferCall, 'model' | 'inputs' | 'nulls' | 'document'>,
  signature: Signature,
): readonly Tensor[] => {
  if (document !== undefined) {
    const { form, body } = document
    return [{ name: `\0${form}`, datatype: 'UINT8', shape: [body.length], data: body }]
  }
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
