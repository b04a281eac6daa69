import type { DataType, JsonValue } from '../../tensor/index.ts'
import { LostDigits, overflowOf, overflows, toBfloatBits, toHalfBits } from '../../tensor/index.ts'
import { integerOf, numberOf, truthOf } from './cell-casts.ts'
import { TextCells } from './text-cells.ts'

/** A cell as a table has it; a row may lack one. */
export type Cell = JsonValue | undefined

/** The values of one column on their way to a tensor of its type. */
export interface Cells {
  /** Puts a value in its place; false when it can't be one of this type. */
  put(index: number, cell: Cell): boolean
  data(): Uint8Array
}

/** Room for so many values of a type. `exact` says that the text was read without loss of digits. */
export const openCells = (datatype: DataType, count: number, exact: boolean): Cells => {
  switch (datatype) {
    case 'FP64':
      return new FloatCells(new Float64Array(count), overflowOf(datatype))
    case 'FP32':
      return new FloatCells(new Float32Array(count), overflowOf(datatype))
    case 'FP16':
      return new HalfCells(new Uint16Array(count), { toBits: toHalfBits, from: overflowOf(datatype) })
    case 'BF16':
      return new HalfCells(new Uint16Array(count), { toBits: toBfloatBits, from: overflowOf(datatype) })
    case 'BOOL':
      return new TruthCells(new Uint8Array(count))
    case 'BYTES':
      return new TextCells()
    case 'INT64':
    case 'UINT64':
      return new WideCells(new Uint32Array(2 * count), { unsigned: datatype === 'UINT64', exact })
    default:
      return new IntegerCells(integerArrays[datatype](count), datatype)
  }
}

const bytesOf = (array: Float64Array | Float32Array | Uint16Array | Uint32Array | IntegerArray): Uint8Array =>
  new Uint8Array(array.buffer)

class FloatCells implements Cells {
  readonly #array: Float32Array | Float64Array
  readonly #overflowsFrom: number

  constructor(array: Float32Array | Float64Array, overflowsFrom: number) {
    this.#array = array
    this.#overflowsFrom = overflowsFrom
  }

  put(index: number, cell: Cell): boolean {
    const value = typeof cell === 'number' ? cell : numberOf(cell)
    if (value === undefined || overflows(value, this.#overflowsFrom)) return false
    this.#array[index] = value
    return true
  }

  data(): Uint8Array {
    return bytesOf(this.#array)
  }
}

interface HalfForm {
  toBits(value: number): number
  /** Where numbers become too large. */
  readonly from: number
}

class HalfCells implements Cells {
  readonly #array: Uint16Array
  readonly #form: HalfForm

  constructor(array: Uint16Array, form: HalfForm) {
    this.#array = array
    this.#form = form
  }

  put(index: number, cell: Cell): boolean {
    const value = numberOf(cell)
    if (value === undefined || overflows(value, this.#form.from)) return false
    this.#array[index] = this.#form.toBits(value)
    return true
  }

  data(): Uint8Array {
    return bytesOf(this.#array)
  }
}

class TruthCells implements Cells {
  readonly #array: Uint8Array

  constructor(array: Uint8Array) {
    this.#array = array
  }

  put(index: number, cell: Cell): boolean {
    const value = truthOf(cell)
    if (value === undefined) return false
    this.#array[index] = Number(value)
    return true
  }

  data(): Uint8Array {
    return this.#array
  }
}

type IntegerType = 'UINT8' | 'UINT16' | 'UINT32' | 'INT8' | 'INT16' | 'INT32'
type IntegerArray = Uint8Array | Uint16Array | Uint32Array | Int8Array | Int16Array | Int32Array

const integerArrays: Readonly<Record<IntegerType, (count: number) => IntegerArray>> = {
  UINT8: (count) => new Uint8Array(count),
  UINT16: (count) => new Uint16Array(count),
  UINT32: (count) => new Uint32Array(count),
  INT8: (count) => new Int8Array(count),
  INT16: (count) => new Int16Array(count),
  INT32: (count) => new Int32Array(count),
}

class IntegerCells implements Cells {
  readonly #array: IntegerArray
  readonly #min: number
  readonly #max: number

  constructor(array: IntegerArray, datatype: IntegerType) {
    this.#array = array
    const span = 2 ** (8 * array.BYTES_PER_ELEMENT)
    this.#min = datatype.startsWith('U') ? 0 : -span / 2
    this.#max = this.#min + span - 1
  }

  put(index: number, cell: Cell): boolean {
    const value = integerOf(cell)
    if (typeof value !== 'number' || value < this.#min || value > this.#max) return false
    this.#array[index] = value
    return true
  }

  data(): Uint8Array {
    return bytesOf(this.#array)
  }
}

const half = 2 ** 32

/** 64-bit integers as two halves each, which spares a bigint for every value. */
class WideCells implements Cells {
  readonly #halves: Uint32Array
  readonly #unsigned: boolean
  readonly #exact: boolean

  constructor(halves: Uint32Array, { unsigned, exact }: { readonly unsigned: boolean; readonly exact: boolean }) {
    this.#halves = halves
    this.#unsigned = unsigned
    this.#exact = exact
  }

  put(index: number, cell: Cell): boolean {
    const value = integerOf(cell)
    if (value === undefined) return false
    if (typeof value === 'bigint') return this.#putWide(index, value)
    if (!Number.isSafeInteger(value)) {
      if (!this.#exact) throw new LostDigits()
      return this.#putWide(index, BigInt(value))
    }
    if (value < 0 && this.#unsigned) return false
    this.#halves[2 * index] = value >>> 0
    this.#halves[2 * index + 1] = Math.floor(value / half) >>> 0
    return true
  }

  #putWide(index: number, value: bigint): boolean {
    const wrapped = this.#unsigned ? BigInt.asUintN(64, value) : BigInt.asIntN(64, value)
    if (wrapped !== value) return false
    this.#halves[2 * index] = Number(BigInt.asUintN(32, value))
    this.#halves[2 * index + 1] = Number(BigInt.asUintN(32, value >> 32n))
    return true
  }

  data(): Uint8Array {
    return bytesOf(this.#halves)
  }
}
