import { readYaml, YamlError } from '../../protocol/index.ts'
import type {
  Column,
  ModelSchema,
  ModelSignature,
  Property,
  SignatureParam,
  TensorSpec,
  ValueType,
} from './model-signature.ts'

/** A signature that can't be read; the message says what is wrong with it. */
export class SignatureError extends Error {
  constructor(reason: string) {
    super(reason)
    this.name = 'SignatureError'
  }
}

/** Deepest nesting of types, and most columns of a schema. */
const depthMax = 20
const columnsMax = 100_000

const scalars: ReadonlySet<string> = new Set([
  'boolean',
  'integer',
  'long',
  'float',
  'double',
  'string',
  'binary',
  'datetime',
  'sparkml_vector',
])

type Fields = Readonly<Record<string, unknown>>

const fieldsOf = (value: unknown, what: string): Fields => {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new SignatureError(`${what} is no object`)
  return value as Fields
}

/** Signatures hold their lists as JSON text; some writers of MLmodel leave them as they are. */
const listOf = (value: unknown, what: string): readonly unknown[] => {
  let list = value
  if (typeof value === 'string') {
    try {
      list = JSON.parse(value)
    } catch {
      throw new SignatureError(`its ${what} are not JSON`)
    }
  }
  if (!Array.isArray(list)) throw new SignatureError(`its ${what} are no list`)
  if (list.length > columnsMax) throw new SignatureError(`it has ${list.length} ${what}; ${columnsMax} are read`)
  return list
}

const nameOf = (fields: Fields): string | undefined => {
  const { name } = fields
  if (name === undefined || name === null) return undefined
  if (typeof name === 'string' || typeof name === 'number') return String(name)
  throw new SignatureError('a name is neither text nor a number')
}

const typeOf = (fields: Fields, depth = 0): ValueType => {
  if (depth > depthMax) throw new SignatureError(`its types nest deeper than ${depthMax}`)
  const type = fields['type'] ?? fields['dtype']
  if (type === 'any') return { kind: 'any' }
  if (type === 'array') return { kind: 'array', items: typeOf(fieldsOf(fields['items'], 'an array type'), depth + 1) }
  if (type === 'map') return { kind: 'map', values: typeOf(fieldsOf(fields['values'], 'a map type'), depth + 1) }
  if (type === 'object') {
    const properties = fieldsOf(fields['properties'], 'an object type')
    return {
      kind: 'object',
      properties: Object.entries(properties).map(([name, of]) => propertyOf(name, of, depth + 1)),
    }
  }
  if (typeof type === 'string' && scalars.has(type)) return { kind: 'scalar', name: type }
  throw new SignatureError(`it has the unknown type '${String(type).slice(0, 50)}'`)
}

const propertyOf = (name: string, value: unknown, depth: number): Property => {
  const fields = fieldsOf(value, `the property '${name.slice(0, 50)}'`)
  return { name, type: typeOf(fields, depth), required: fields['required'] !== false }
}

const columnOf = (value: unknown): Column => {
  const fields = fieldsOf(value, 'a column')
  const required = fields['required'] !== false && fields['optional'] !== true
  return { name: nameOf(fields), type: typeOf(fields), required }
}

const tensorOf = (value: unknown): TensorSpec => {
  const fields = fieldsOf(value, 'a tensor')
  const { dtype, shape } = fieldsOf(fields['tensor-spec'], 'a tensor-spec') as { dtype?: unknown; shape?: unknown }
  if (typeof dtype !== 'string' || !Array.isArray(shape) || !shape.every((size) => Number.isSafeInteger(size)))
    throw new SignatureError('a tensor-spec lacks its dtype or shape')
  return { name: nameOf(fields), dtype, shape: shape as number[] }
}

const schemaOf = (value: unknown, what: string): ModelSchema | undefined => {
  if (value === undefined || value === null) return undefined
  const list = listOf(value, what)
  const tensors = list.filter((each) => fieldsOf(each, 'a column')['type'] === 'tensor')
  if (tensors.length === 0) return { kind: 'columns', columns: list.map(columnOf) }
  if (tensors.length < list.length) throw new SignatureError(`its ${what} mix columns and tensors`)
  return { kind: 'tensors', tensors: list.map(tensorOf) }
}

const paramOf = (value: unknown): SignatureParam => {
  const fields = fieldsOf(value, 'a param')
  const name = nameOf(fields)
  if (name === undefined) throw new SignatureError('a param has no name')
  return { name, type: typeOf(fields), isList: Array.isArray(fields['shape']) }
}

/** Reads the signature out of an MLmodel file (YAML); undefined when it has none. Fails with SignatureError. */
export const readSignature = (mlmodel: string): ModelSignature | undefined => {
  let model: unknown
  try {
    model = readYaml(mlmodel)
  } catch (error) {
    if (error instanceof YamlError) throw new SignatureError(`MLmodel can not be read: ${error.message}`)
    throw error
  }
  const { signature } = fieldsOf(model, 'MLmodel') as { signature?: unknown }
  if (signature === undefined || signature === null) return undefined
  const { inputs, outputs, params } = fieldsOf(signature, 'the signature') as Fields & {
    inputs?: unknown
    outputs?: unknown
    params?: unknown
  }
  return {
    inputs: schemaOf(inputs, 'inputs'),
    outputs: schemaOf(outputs, 'outputs'),
    params: params === undefined || params === null ? [] : listOf(params, 'params').map(paramOf),
  }
}
