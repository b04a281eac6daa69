import type { ParameterValue } from '../../gateway/index.ts'
import { ProtobufError, ProtobufReader, wireTypes } from '../../lib/index.ts'
import { fail } from '../../protocol/index.ts'
import { checkTensor, isDataType, TensorError, tensorsMax } from '../../tensor/index.ts'
import type { DataType, Tensor } from '../../tensor/index.ts'
import { readContents } from './grpc-contents.ts'

/** A ModelInferRequest with its tensors in canonical form; raw contents are views of the message. */
export interface GrpcInferRequest {
  readonly model: string
  readonly version: string
  readonly id: string
  readonly parameters: ReadonlyMap<string, ParameterValue>
  readonly inputs: readonly Tensor[]
  readonly outputs: readonly { readonly name: string; readonly classification: number }[]
}

interface ReadInput {
  name: string
  datatype: string
  readonly shape: (number | bigint)[]
  contents: Uint8Array | undefined
}

const invalid = (reason: string): Error => fail('invalid_request', { reason })

/** Of the request and its parts, the values of tensors aside: as many as the most inputs need, each described in full. */
const fieldsMax = 8 * tensorsMax

/** Decodes a ModelInferRequest message. Throws invalid_request or invalid_tensor. */
export const readGrpcInferRequest = (message: Uint8Array): GrpcInferRequest => {
  try {
    return readRequest(new ProtobufReader(message, 0, message.length, { left: fieldsMax }))
  } catch (error) {
    if (error instanceof ProtobufError)
      throw fail('invalid_request', { reason: `the message is damaged: ${error.message}` }, error)
    if (error instanceof TensorError)
      throw fail('invalid_tensor', { tensor: error.tensor, reason: error.reason }, error)
    throw error
  }
}

const readRequest = (reader: ProtobufReader): GrpcInferRequest => {
  let model = ''
  let version = ''
  let id = ''
  const parameters = new Map<string, ParameterValue>()
  const inputs: ReadInput[] = []
  const outputs: { name: string; classification: number }[] = []
  const raw: Uint8Array[] = []
  while (reader.next()) {
    switch (reader.field) {
      case 1:
        model = reader.string()
        break
      case 2:
        version = reader.string()
        break
      case 3:
        id = reader.string()
        break
      case 4:
        readParameter(reader.message(), parameters)
        break
      case 5:
        inputs.push(readInput(reader.message()))
        break
      case 6:
        outputs.push(readOutput(reader.message()))
        break
      case 7:
        raw.push(reader.bytes())
        break
      default:
        reader.skip()
    }
  }
  if (new Set(outputs.map((output) => output.name)).size < outputs.length)
    throw invalid('an output is requested more than once')
  return { model, version, id, parameters, inputs: tensorsOf(inputs, raw), outputs }
}

const tensorsOf = (inputs: readonly ReadInput[], raw: readonly Uint8Array[]): Tensor[] => {
  if (raw.length > 0 && raw.length !== inputs.length) {
    throw invalid(`the request has ${inputs.length} inputs but ${raw.length} raw_input_contents`)
  }
  return inputs.map((input, index) => {
    const { name, datatype, contents } = input
    const shape = checkedShape(input)
    if (!isDataType(datatype)) throw invalid(`input '${name}' has the unknown datatype '${datatype}'`)
    const bytes = raw[index]
    if (bytes !== undefined && contents !== undefined)
      throw invalid(`input '${name}' has contents although the request has raw_input_contents`)
    const data = bytes ?? readContents(contents ?? new Uint8Array(), { name, datatype, shape })
    const tensor: Tensor = { name, datatype: datatype satisfies DataType, shape, data }
    checkTensor(tensor)
    return tensor
  })
}

/** Dimensions that a number holds exactly; what else is wrong with them is the tensor's to say. */
const checkedShape = ({ name, shape }: ReadInput): number[] =>
  shape.map((dimension) => {
    if (typeof dimension === 'number') return dimension
    throw new TensorError(
      name,
      `the shape [${shape.slice(0, rankMax).join(',')}] has the dimension ${dimension}; dimensions are whole numbers from 0 to ${Number.MAX_SAFE_INTEGER}`,
    )
  })

const readInput = (reader: ProtobufReader): ReadInput => {
  const input: ReadInput = { name: '', datatype: '', shape: [], contents: undefined }
  while (reader.next()) {
    switch (reader.field) {
      case 1:
        input.name = reader.string()
        break
      case 2:
        input.datatype = reader.string()
        break
      case 3:
        readShape(reader, input.shape)
        break
      case 4:
        refuseSharedMemory(reader.message())
        break
      case 5:
        input.contents = reader.bytes()
        break
      default:
        reader.skip()
    }
  }
  return input
}

/** More dimensions than any tensor has would only cost memory. */
const rankMax = 64

const readShape = (reader: ProtobufReader, shape: (number | bigint)[]): void => {
  if (reader.wireType === wireTypes.varint) shape.push(reader.int64Exact())
  else for (const packed = reader.message(); packed.more && shape.length <= rankMax;) shape.push(packed.int64Exact())
}

const refuseSharedMemory = (entry: ProtobufReader): void => {
  const parameters = new Map<string, ParameterValue>()
  readParameter(entry, parameters)
  if (parameters.has('shared_memory_region')) throw fail('unsupported', { what: 'shared memory' })
}

const readOutput = (reader: ProtobufReader): { name: string; classification: number } => {
  let name = ''
  const parameters = new Map<string, ParameterValue>()
  while (reader.next()) {
    if (reader.field === 1) name = reader.string()
    else if (reader.field === 2) readParameter(reader.message(), parameters)
    else reader.skip()
  }
  if (parameters.has('shared_memory_region')) throw fail('unsupported', { what: 'shared memory' })
  const classification = Number(parameters.get('classification') ?? 0)
  if (!Number.isSafeInteger(classification) || classification < 0)
    throw invalid(`'classification' of output '${name}' must be a whole number`)
  return { name, classification }
}

/** One entry of a map<string, InferParameter>. */
const readParameter = (entry: ProtobufReader, into: Map<string, ParameterValue>): void => {
  let key = ''
  let value: ParameterValue | undefined
  while (entry.next()) {
    if (entry.field === 1) key = entry.string()
    else if (entry.field === 2) value = readChoice(entry.message())
    else entry.skip()
  }
  if (value !== undefined) into.set(key, value)
}

const readChoice = (reader: ProtobufReader): ParameterValue | undefined => {
  let value: ParameterValue | undefined
  while (reader.next()) {
    switch (reader.field) {
      case 1:
        value = reader.bool()
        break
      case 2:
        value = narrow(reader.int64())
        break
      case 3:
        value = reader.string()
        break
      case 4:
        value = reader.double()
        break
      case 5:
        value = narrow(reader.uint64())
        break
      default:
        reader.skip()
    }
  }
  return value
}

const narrow = (value: bigint): number | bigint =>
  BigInt(Number(value)) === value && Number.isSafeInteger(Number(value)) ? Number(value) : value
