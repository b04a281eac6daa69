import type { ParameterValue } from '../../gateway/index.ts'
import { fail } from '../../protocol/index.ts'
import { checkTensor, decodeJsonTensor, isDataType, LostDigits, shownValue, TensorError } from '../../tensor/index.ts'
import type { DataType, JsonValue, Tensor } from '../../tensor/index.ts'

/** An inference request as JSON carries it, its tensors decoded. */
export interface RestInferRequest {
  readonly id: string
  readonly parameters: ReadonlyMap<string, ParameterValue>
  readonly inputs: readonly Tensor[]
  readonly outputs: readonly RequestedOutput[]
  /** Default form of the outputs. */
  readonly binaryOutputs: boolean
}

export interface RequestedOutput {
  readonly name: string
  /** undefined: as the request's default says. */
  readonly binary: boolean | undefined
  /** Triton's classification extension: answer the k highest values as strings; 0 for the tensor itself. */
  readonly classification: number
}

type JsonObject = { readonly [key: string]: JsonValue }

const isObject = (value: JsonValue | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const own = (object: JsonObject, key: string): JsonValue | undefined =>
  Object.hasOwn(object, key) ? object[key] : undefined

const invalid = (reason: string): Error => fail('invalid_request', { reason })

/**
 * Reads the JSON part of an inference request (Open Inference Protocol, inference request JSON object). `binary`
 * holds the bytes behind it, which the inputs with `binary_data_size` take in their order. `exact` says that the
 * JSON was read without loss of digits; otherwise LostDigits is thrown where that matters.
 */
export const readInferRequest = (json: JsonValue, binary: Uint8Array, exact: boolean): RestInferRequest => {
  if (!isObject(json)) throw invalid('the request must be a JSON object')
  const parameters = readParameters(own(json, 'parameters'), 'the request')
  const inputs = readInputs(own(json, 'inputs'), { binary, exact })
  const outputs = readOutputs(own(json, 'outputs'))
  const id = own(json, 'id')
  return {
    id: id === undefined || id === null ? '' : readId(id, exact),
    parameters,
    inputs,
    outputs,
    binaryOutputs: binaryByDefault(parameters),
  }
}

const binaryByDefault = (parameters: ReadonlyMap<string, ParameterValue>): boolean => {
  const wanted = parameters.get('binary_data_output') ?? false
  if (typeof wanted !== 'boolean') throw invalid("parameter 'binary_data_output' must be true or false")
  return wanted
}

const readId = (id: JsonValue, exact: boolean): string => {
  if (typeof id === 'string') return id
  requireDigits(id, exact)
  if (typeof id === 'number' || typeof id === 'bigint') return String(id)
  throw invalid("'id' must be a string or a number")
}

const requireDigits = (value: JsonValue, exact: boolean): void => {
  if (!exact && typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value))
    throw new LostDigits()
}

const noParameters: ReadonlyMap<string, ParameterValue> = new Map()

/** Parameters are flat: strings, numbers and booleans. A map, because their names are the client's. */
const readParameters = (value: JsonValue | undefined, where: string): ReadonlyMap<string, ParameterValue> => {
  if (value === undefined || value === null) return noParameters
  if (!isObject(value)) throw invalid(`'parameters' of ${where} must be an object`)
  const parameters = new Map<string, ParameterValue>()
  for (const [name, parameter] of Object.entries(value)) {
    if (parameter === null || typeof parameter === 'object') {
      throw invalid(`parameter '${name}' of ${where} must be a string, a number or a boolean`)
    }
    parameters.set(name, parameter)
  }
  return parameters
}

const readInputs = (
  value: JsonValue | undefined,
  { binary, exact }: { readonly binary: Uint8Array; readonly exact: boolean },
): Tensor[] => {
  if (!Array.isArray(value)) throw invalid("the request must have a list 'inputs'")
  const inputs: Tensor[] = []
  let at = 0
  for (const input of value) {
    if (!isObject(input)) throw invalid("each entry of 'inputs' must be an object")
    const facts = readInputFacts(input, exact)
    const size = binarySize(input, facts.name)
    if (size === undefined) {
      inputs.push(readJsonInput(input, facts, exact))
      continue
    }
    if (own(input, 'data') !== undefined) throw invalid(`input '${facts.name}' has both 'data' and 'binary_data_size'`)
    if (size > binary.length - at) {
      throw invalid(
        `input '${facts.name}' claims ${size} bytes of binary data but ${binary.length - at} are left in the body`,
      )
    }
    inputs.push(checked({ ...facts, data: binary.subarray(at, at + size) }))
    at += size
  }
  if (at < binary.length) {
    throw invalid(`the body has ${binary.length - at} bytes of binary data that no input claims`)
  }
  return inputs
}

const checked = (tensor: Tensor): Tensor => {
  try {
    checkTensor(tensor)
    return tensor
  } catch (error) {
    throw tensorFailure(error)
  }
}

const tensorFailure = (error: unknown): unknown =>
  error instanceof TensorError ? fail('invalid_tensor', { tensor: error.tensor, reason: error.reason }, error) : error

interface InputFacts {
  readonly name: string
  readonly datatype: DataType
  readonly shape: readonly number[]
}

const readInputFacts = (input: JsonObject, exact: boolean): InputFacts => {
  const name = own(input, 'name')
  if (typeof name !== 'string' || name === '') throw invalid("each input must have a 'name'")
  const datatype = own(input, 'datatype')
  if (typeof datatype !== 'string') throw invalid(`input '${name}' must have a 'datatype'`)
  if (!isDataType(datatype)) throw invalid(`input '${name}' has the unknown datatype '${datatype}'`)
  const shape = own(input, 'shape')
  if (!Array.isArray(shape)) throw invalid(`input '${name}' must have a 'shape'`)
  for (const dimension of shape) {
    requireDigits(dimension, exact)
    if (typeof dimension !== 'number' || !Number.isSafeInteger(dimension) || dimension < 0) {
      throw invalid(
        `input '${name}' has a shape with the dimension ${shownValue(dimension)}; dimensions are whole numbers from 0 to ${Number.MAX_SAFE_INTEGER}`,
      )
    }
  }
  return { name, datatype, shape: shape as number[] }
}

const binarySize = (input: JsonObject, name: string): number | undefined => {
  const parameters = own(input, 'parameters')
  if (!isObject(parameters)) return undefined
  if (own(parameters, 'shared_memory_region') !== undefined) throw fail('unsupported', { what: 'shared memory' })
  const size = own(parameters, 'binary_data_size')
  if (size === undefined) return undefined
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) {
    throw invalid(`'binary_data_size' of input '${name}' must be a whole number from 0`)
  }
  return size
}

const readJsonInput = (input: JsonObject, facts: InputFacts, exact: boolean): Tensor => {
  const data = own(input, 'data')
  if (data === undefined) throw invalid(`input '${facts.name}' has no 'data'`)
  try {
    return decodeJsonTensor({ name: facts.name, datatype: facts.datatype, shape: facts.shape, data, exact })
  } catch (error) {
    throw tensorFailure(error)
  }
}

const readOutputs = (value: JsonValue | undefined): RequestedOutput[] => {
  if (value === undefined || value === null) return []
  if (!Array.isArray(value)) throw invalid("'outputs' must be a list")
  const names = new Set<string>()
  return value.map((output) => {
    if (!isObject(output)) throw invalid("each entry of 'outputs' must be an object")
    const name = own(output, 'name')
    if (typeof name !== 'string' || name === '') throw invalid("each output must have a 'name'")
    if (names.has(name)) throw invalid(`output '${name}' is requested more than once`)
    names.add(name)
    return { name, ...outputForm(readParameters(own(output, 'parameters'), `output '${name}'`), name) }
  })
}

const outputForm = (
  parameters: ReadonlyMap<string, ParameterValue>,
  name: string,
): { binary: boolean | undefined; classification: number } => {
  if (parameters.has('shared_memory_region')) throw fail('unsupported', { what: 'shared memory' })
  const binary = parameters.get('binary_data')
  if (binary !== undefined && typeof binary !== 'boolean')
    throw invalid(`'binary_data' of output '${name}' must be true or false`)
  const classification = parameters.get('classification') ?? 0
  if (typeof classification !== 'number' || !Number.isSafeInteger(classification) || classification < 0) {
    throw invalid(`'classification' of output '${name}' must be a whole number`)
  }
  return { binary, classification }
}
