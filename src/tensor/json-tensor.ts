import type { DataType } from './datatype.ts'
import { datatypeBytes } from './datatype.ts'
import { encodeBytes } from './bytes-elements.ts'
import { toBfloatBits, toHalfBits } from './float16.ts'
import type { JsonValue } from './json-reader.ts'
import type { FloatType } from './overflow.ts'
import { overflowOf, overflows } from './overflow.ts'
import { elementCount } from './shape.ts'
import { TensorError } from './tensor-error.ts'
import type { Tensor } from './tensor.ts'

export interface JsonTensor {
  readonly name: string
  readonly datatype: DataType
  readonly shape: readonly number[]
  /** Values in row-major order, flat or nested as the shape says. */
  readonly data: JsonValue
  /** The values come from parseJson, so a large double was written as one (1e18). Otherwise such a value throws LostDigits. */
  readonly exact?: boolean
}

/** A whole number beyond 2^53 was read as a double: its digits may be lost, so the text has to be read exactly. */
export class LostDigits extends Error {
  override name = 'LostDigits'
}

/** Makes a tensor of JSON values. Memory is taken only once the number of values is known to be right. */
export const decodeJsonTensor = ({ name, datatype, shape, data, exact }: JsonTensor): Tensor => {
  const count = elementCount(shape, name)
  if (!Array.isArray(data)) throw new TensorError(name, "'data' must be a list")
  const values = Array.isArray(data[0]) ? flatten(name, data, shape) : data
  if (values.length !== count) {
    throw new TensorError(name, `shape [${shape.join(',')}] takes ${count} values, got ${values.length}`)
  }
  return { name, datatype, shape, data: encodeValues({ name, datatype, values, exact: exact ?? false }) }
}

/** Unnests level by level, checking every list against its dimension. */
const flatten = (name: string, data: readonly JsonValue[], shape: readonly number[]): readonly JsonValue[] => {
  let level: readonly JsonValue[] = data
  for (let depth = 0; depth < shape.length - 1; depth++) {
    if (depth === 0 && data.length !== shape[0]) throw ragged(name, shape)
    const next: JsonValue[] = []
    for (const list of level) {
      if (!Array.isArray(list) || list.length !== shape[depth + 1]) throw ragged(name, shape)
      for (const element of list) next.push(element)
    }
    level = next
  }
  if (level.some((value) => Array.isArray(value))) throw ragged(name, shape)
  return level
}

const ragged = (name: string, shape: readonly number[]): TensorError =>
  new TensorError(name, `the nesting of 'data' doesn't match the shape [${shape.join(',')}]`)

interface Values {
  readonly name: string
  readonly datatype: DataType
  readonly values: readonly JsonValue[]
  readonly exact: boolean
}

const encodeValues = (given: Values): Uint8Array => {
  switch (given.datatype) {
    case 'FP32':
      return bytesOf(fillFloats(new Float32Array(given.values.length), given, 'FP32'))
    case 'FP64':
      return bytesOf(fillFloats(new Float64Array(given.values.length), given, 'FP64'))
    case 'FP16':
      return bytesOf(fillHalves(given, 'FP16', toHalfBits))
    case 'BF16':
      return bytesOf(fillHalves(given, 'BF16', toBfloatBits))
    case 'BOOL':
      return fillBooleans(given)
    case 'INT64':
    case 'UINT64':
      return bytesOf(fillWide(given, given.datatype))
    case 'BYTES':
      return fillStrings(given)
    default:
      return bytesOf(fillIntegers(given, given.datatype))
  }
}

const bytesOf = (array: Float32Array | Float64Array | Uint16Array | BigInt64Array | IntegerArray): Uint8Array =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength)

const wrongValue = ({ name, datatype }: Values, index: number, value: JsonValue | undefined): TensorError => {
  return new TensorError(name, `value ${index} (${shownValue(value)}) is not a ${datatype}`)
}

/** A few characters for an error message: lists and objects may be large, and hold whole numbers JSON.stringify refuses. */
export const shownValue = (value: JsonValue | undefined): string => {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 40))
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object' && value !== null) return 'an object'
  return String(value).slice(0, 40)
}

const tooLarge = ({ name, datatype }: Values, index: number, value: JsonValue | undefined): TensorError =>
  new TensorError(name, `value ${index} (${shownValue(value)}) is too large for ${datatype}`)

/** A sum of what is kept that isn't finite tells that a value may have overflowed, which spares comparing every one. */
const fillFloats = <T extends Float32Array | Float64Array>(array: T, given: Values, datatype: FloatType): T => {
  const { values } = given
  let sum = 0
  for (let i = 0; i < values.length; i++) {
    const value = values[i]
    if (typeof value === 'number') {
      array[i] = value
      sum += Math.fround(value)
    } else if (typeof value === 'bigint') {
      array[i] = Number(value)
      sum += Math.fround(Number(value))
    } else throw wrongValue(given, i, value)
  }
  if (!Number.isFinite(sum)) refuseOverflow(given, overflowOf(datatype))
  return array
}

const refuseOverflow = (given: Values, from: number): void => {
  const index = given.values.findIndex((value) => overflows(Number(value), from))
  if (index >= 0) throw tooLarge(given, index, given.values[index])
}

const fillHalves = (given: Values, datatype: FloatType, toBits: (value: number) => number): Uint16Array => {
  const array = new Uint16Array(given.values.length)
  const from = overflowOf(datatype)
  given.values.forEach((value, index) => {
    if (typeof value !== 'number' && typeof value !== 'bigint') throw wrongValue(given, index, value)
    const number = Number(value)
    if (overflows(number, from)) throw tooLarge(given, index, value)
    array[index] = toBits(number)
  })
  return array
}

const fillBooleans = (given: Values): Uint8Array => {
  const array = new Uint8Array(given.values.length)
  given.values.forEach((value, index) => {
    if (value !== true && value !== false && value !== 0 && value !== 1) throw wrongValue(given, index, value)
    array[index] = Number(value)
  })
  return array
}

type IntegerArray = Uint8Array | Uint16Array | Uint32Array | Int8Array | Int16Array | Int32Array
type IntegerType = 'UINT8' | 'UINT16' | 'UINT32' | 'INT8' | 'INT16' | 'INT32'

const integerArrays: Readonly<Record<IntegerType, new (length: number) => IntegerArray>> = {
  UINT8: Uint8Array,
  UINT16: Uint16Array,
  UINT32: Uint32Array,
  INT8: Int8Array,
  INT16: Int16Array,
  INT32: Int32Array,
}

const fillIntegers = (given: Values, datatype: IntegerType): IntegerArray => {
  const array = new integerArrays[datatype](given.values.length)
  const span = 2 ** (8 * datatypeBytes[datatype])
  const min = datatype.startsWith('U') ? 0 : -span / 2
  const max = min + span - 1
  given.values.forEach((value, index) => {
    if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max)
      throw wrongValue(given, index, value)
    array[index] = value
  })
  return array
}

const fillWide = (given: Values, datatype: 'INT64' | 'UINT64'): BigInt64Array => {
  // The bits of an unsigned value are those of its signed twin.
  const array = new BigInt64Array(given.values.length)
  const min = datatype === 'UINT64' ? 0n : -(2n ** 63n)
  const max = min + 2n ** 64n - 1n
  given.values.forEach((value, index) => {
    if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value) && !given.exact)
      throw new LostDigits()
    const whole = typeof value === 'bigint' ? value : Number.isInteger(value) ? BigInt(value as number) : undefined
    if (whole === undefined || whole < min || whole > max) throw wrongValue(given, index, value)
    array[index] = whole
  })
  return array
}

const utf8 = new TextEncoder()

const fillStrings = (given: Values): Uint8Array =>
  encodeBytes(
    given.values.map((value, index) => {
      if (typeof value !== 'string') throw wrongValue(given, index, value)
      // Half of a surrogate pair has no UTF-8: the encoder would put U+FFFD in its place.
      if (!value.isWellFormed()) throw wrongValue(given, index, value)
      return utf8.encode(value)
    }),
  )
