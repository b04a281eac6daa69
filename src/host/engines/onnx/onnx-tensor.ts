import { ProtobufError } from '../../../lib/index.ts'
import type { FileField, FileFields } from './file-fields.ts'
import { rawDataBytes } from './onnx-element-type.ts'

/** A tensor kept in a file of its own (ONNX external data). Offset and length are NaN where they are no numbers. */
export interface ExternalData {
  readonly tensor: string
  readonly location: string
  readonly offset: number
  readonly length: number | undefined
  /** Bytes that the tensor's dimensions take; undefined for types without a raw form. */
  readonly bytes: number | undefined
}

/** What a TensorProto says of its data, which are not read. */
export interface TensorFacts {
  readonly name: string
  readonly external: ExternalData | undefined
  /** Whether its raw data are not as long as its dimensions say. */
  readonly lies: boolean
}

/** Longest path that systems take. */
const locationBytesMax = 4096
const keyBytesMax = 256
/** Packed dimensions; of the largest numbers, over a hundred. */
const dimensionBytesMax = 1024

type Entries = Map<string, string>

/** Reads a TensorProto. Throws ProtobufError. */
export const readTensor = (file: FileFields, message: FileField): TensorFacts => {
  let elements = 1
  let type = 0
  let name = ''
  let rawBytes: number | undefined
  let isExternal = false
  const entries: Entries = new Map()
  for (const field of file.message(message)) {
    switch (field.field) {
      case 1:
        for (const size of file.numbers(field, dimensionBytesMax)) elements *= size
        break
      case 2:
        type = file.small(field)
        break
      case 8:
        name = file.excerpt(field, keyBytesMax)
        break
      case 9:
        rawBytes = field.end - field.start
        break
      case 13:
        addEntry(file, field, entries)
        break
      case 14:
        isExternal = file.small(field) === 1
        break
      default:
    }
  }
  const bytes = rawDataBytes(type, elements)
  if (isExternal || entries.size > 0) return { name, external: externalData(name, entries, bytes), lies: false }
  return { name, external: undefined, lies: rawBytes !== undefined && bytes !== undefined && bytes !== rawBytes }
}

/** One StringStringEntryProto of external_data. */
const addEntry = (file: FileFields, message: FileField, entries: Entries): void => {
  let key = ''
  let value = ''
  for (const field of file.message(message)) {
    if (field.field === 1) key = file.text(field, keyBytesMax)
    else if (field.field === 2) value = file.text(field, locationBytesMax)
  }
  // Why: of two, readers differ in which one counts.
  if (entries.has(key)) throw new ProtobufError(`external data give '${key}' twice at byte ${message.start}`)
  if (entries.size === 16) throw new ProtobufError(`too many entries of external data at byte ${message.start}`)
  entries.set(key, value)
}

const externalData = (tensor: string, entries: Entries, bytes: number | undefined): ExternalData => {
  const length = entries.get('length')
  return {
    tensor,
    location: entries.get('location') ?? '',
    offset: wholeNumber(entries.get('offset') ?? '0'),
    length: length === undefined ? undefined : wholeNumber(length),
    bytes,
  }
}

const wholeNumber = (text: string): number => (/^\d{1,15}$/.test(text) ? Number(text) : Number.NaN)
