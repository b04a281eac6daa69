import { TensorError } from './tensor-error.ts'
import type { Signature, Tensor, TensorSpec } from './tensor.ts'

/** Checks the inputs of a request against what the model declares. Throws TensorError for the first that doesn't fit. */
export const checkAgainstSignature = (inputs: readonly Tensor[], signature: Signature): void => {
  if (signature.open === true) {
    checkNames(inputs)
    return
  }
  const specs = signature.inputs
  for (let i = 0; i < inputs.length; i++) {
    const input = inputs[i]
    if (input === undefined) continue
    const spec = specs.find((candidate) => candidate.name === input.name)
    if (spec === undefined) {
      throw new TensorError(
        input.name,
        `unexpected inference input '${input.name}'; the model takes ${specs.map((known) => known.name).join(', ')}`,
      )
    }
    for (let j = 0; j < i; j++) {
      if (inputs[j]?.name === input.name) throw new TensorError(input.name, 'the input is given more than once')
    }
    checkInput(input, spec)
  }
  if (inputs.length >= specs.length) return
  for (const spec of specs) {
    if (spec.optional !== true && !inputs.some((input) => input.name === spec.name)) {
      throw new TensorError(spec.name, `the input is missing; expected ${spec.datatype} [${spec.shape.join(',')}]`)
    }
  }
}

/**
 * Most inputs of a request, and most names of outputs: a host counts tensors in 16 bits, and beside each input there may
 * be one that marks its nulls.
 */
export const tensorsMax = 32_000

/** Bytes of a name are counted in 16 bits as well; a character takes three at most, and what marks its nulls five more. */
const nameLengthMax = 20_000

/** Throws what keeps names of a client's own choice from being sent to a host. */
export const checkNameLength = (name: string): void => {
  if (name.length <= nameLengthMax) return
  throw new TensorError(name.slice(0, 100), `its name has ${name.length} characters; the limit is ${nameLengthMax}`)
}

/** What holds for models that check the rest themselves. Names with a NUL are reserved for what travels beside tensors. */
const checkNames = (inputs: readonly Tensor[]): void => {
  if (inputs.length > tensorsMax)
    throw new TensorError(
      inputs[tensorsMax]?.name ?? '',
      `the request has ${inputs.length} inputs; the limit is ${tensorsMax}`,
    )
  const names = new Set<string>()
  for (const { name } of inputs) {
    checkNameLength(name)
    if (name.includes('\0')) throw new TensorError(name, 'the name of an input has no NUL')
    if (names.has(name)) throw new TensorError(name, 'the input is given more than once')
    names.add(name)
  }
}

const checkInput = (input: Tensor, spec: TensorSpec): void => {
  if (input.datatype !== spec.datatype) {
    throw new TensorError(input.name, `expected datatype ${spec.datatype}, got ${input.datatype}`)
  }
  const { shape } = input
  let fits = shape.length === spec.shape.length
  for (let i = 0; fits && i < shape.length; i++) fits = spec.shape[i] === -1 || spec.shape[i] === shape[i]
  if (!fits) {
    throw new TensorError(input.name, `expected shape [${spec.shape.join(',')}], got [${shape.join(',')}]`)
  }
}
