import type { FileField, FileFields } from './file-fields.ts'
import { elementTypeName } from './onnx-element-type.ts'

/** An input or output of a graph. */
export interface OnnxValueFacts {
  readonly name: string
  /** Element type of a tensor, or `sequence<map<int64,float>>`, `optional<float>`, `sparse<float>`; '' if none is given. */
  readonly type: string
  /** Of a tensor: sizes, names of open dimensions, or -1; undefined where the file doesn't tell. */
  readonly shape: readonly (number | string)[] | undefined
}

/** TypeProto within TypeProto; sequences of maps have three. */
const typeDepthMax = 8
const rankMax = 64
const nameBytesMax = 4096

type ValueType = Omit<OnnxValueFacts, 'name'>

const noType: ValueType = { type: '', shape: undefined }

/** Reads a ValueInfoProto. */
export const readValue = (file: FileFields, message: FileField): OnnxValueFacts => {
  let name = ''
  let type = noType
  for (const field of file.message(message)) {
    if (field.field === 1) name = file.text(field, nameBytesMax)
    else if (field.field === 2) type = readType(file, field, 0)
  }
  return { name, ...type }
}

const readType = (file: FileFields, message: FileField, depth: number): ValueType => {
  if (depth > typeDepthMax) throw new Error(`types nested deeper than ${typeDepthMax}`)
  let type = noType
  for (const field of file.message(message)) {
    switch (field.field) {
      case 1:
        type = readTensorType(file, field)
        break
      case 4:
        type = wrap('sequence', readParts(file, field, depth))
        break
      case 5:
        type = wrap('map', readParts(file, field, depth))
        break
      case 7:
        type = wrap('opaque', [])
        break
      case 8:
        type = wrap('sparse', [readTensorType(file, field).type])
        break
      case 9:
        type = wrap('optional', readParts(file, field, depth))
        break
      default:
    }
  }
  return type
}

const wrap = (kind: string, parts: readonly string[]): ValueType => ({
  type: parts.length === 0 ? kind : `${kind}<${parts.join(',')}>`,
  shape: undefined,
})

/** The types within a sequence, map or optional: of a map first the key's, a number, then the value's. */
const readParts = (file: FileFields, message: FileField, depth: number): string[] => {
  let key: string | undefined
  let element = ''
  for (const field of file.message(message)) {
    if (field.field === 1 && field.wireType === 0) key = elementTypeName(file.small(field))
    else if (field.field <= 2) element = readType(file, field, depth + 1).type
  }
  return key === undefined ? [element] : [key, element]
}

const readTensorType = (file: FileFields, message: FileField): ValueType => {
  let type = ''
  let shape: (number | string)[] | undefined
  for (const field of file.message(message)) {
    if (field.field === 1) type = elementTypeName(file.small(field))
    else if (field.field === 2) shape = readShape(file, field)
  }
  return { type, shape }
}

const readShape = (file: FileFields, message: FileField): (number | string)[] => {
  const shape: (number | string)[] = []
  for (const field of file.message(message)) {
    if (field.field !== 1) continue
    if (shape.length === rankMax) throw new Error(`a shape of more than ${rankMax} dimensions`)
    shape.push(readDimension(file, field))
  }
  return shape
}

const readDimension = (file: FileFields, message: FileField): number | string => {
  let dimension: number | string = -1
  for (const field of file.message(message)) {
    // A negative size comes as a number beyond 2^53: an open dimension, as exporters mean it.
    if (field.field === 1) dimension = Number.isSafeInteger(field.number) ? field.number : -1
    else if (field.field === 2) dimension = file.text(field, nameBytesMax)
  }
  return dimension
}
