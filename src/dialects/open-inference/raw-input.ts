import { fail } from '../../protocol/index.ts'
import { datatypeBytes } from '../../tensor/index.ts'
import type { Tensor, TensorSpec } from '../../tensor/index.ts'

/**
 * The raw form of a request: the whole body is the data of the model's only input. One dimension at most may be
 * unknown and follows from the length; a batch dimension counts as 1 unless it is that one.
 */
export const rawInput = (specs: readonly TensorSpec[], body: Uint8Array): Tensor => {
  const [spec] = specs
  if (spec === undefined || specs.length !== 1) {
    throw refuse(`a raw request needs a model with exactly one input, this one has ${specs.length}`)
  }
  if (spec.datatype === 'BYTES') {
    const data = new Uint8Array(4 + body.length)
    new DataView(data.buffer).setUint32(0, body.length, true)
    data.set(body, 4)
    return { name: spec.name, datatype: 'BYTES', shape: spec.shape.map(() => 1), data }
  }
  const elements = body.length / datatypeBytes[spec.datatype]
  const shape = [...spec.shape]
  const open = shape.flatMap((dimension, index) => (dimension < 0 ? [index] : []))
  // The batch is one row when another dimension is open as well.
  if (open.length > 1 && open[0] === 0) shape[open.shift() ?? 0] = 1
  if (open.length > 1)
    throw refuse(`a raw request can't tell the ${open.length} open dimensions of [${spec.shape.join(',')}]`)
  const known = shape.reduce((product, dimension) => (dimension < 0 ? product : product * dimension), 1)
  const at = open[0]
  if (at !== undefined) shape[at] = elements / known
  const fits = at === undefined ? elements === known : Number.isInteger(shape[at]) && elements > 0
  if (!fits) {
    throw refuse(
      `the raw body has ${body.length} bytes, which don't make ${spec.datatype} of shape [${spec.shape.join(',')}]`,
    )
  }
  return { name: spec.name, datatype: spec.datatype, shape, data: body }
}

const refuse = (reason: string): Error => fail('invalid_request', { reason })
