import { fail } from '../../protocol/index.ts'
import type { JsonValue, Tensor, TensorSpec } from '../../tensor/index.ts'
import { shownCell } from './cell-casts.ts'
import type { Cells } from './cells.ts'
import { openCells } from './cells.ts'

/** No runtime that models run on has more dimensions. */
const rankMax = 32

/** A tensor of nested lists, whose shape they tell. Lists of different lengths side by side are refused before memory is taken. */
export const nestedTensor = (
  spec: TensorSpec,
  values: readonly JsonValue[],
  { exact, bytesMax }: { readonly exact: boolean; readonly bytesMax: number },
): Tensor => {
  const { name, datatype } = spec
  const nested = nestedShape(values, spec)
  checkLists(values, nested, 0)
  const count = nested.reduce((product, dimension) => product * dimension, 1)
  // Each value takes at most 8 bytes, and took at least 2 of JSON.
  if (count * 8 > bytesMax)
    throw fail('payload_too_large', { what: `input '${name.slice(0, 100)}'`, limitBytes: bytesMax })
  const writer = new NestedWriter(spec, openCells(datatype, count, exact))
  writer.write(values, nested.length)
  // Bare values are rows of an input with one column.
  const shape = nested.length === 1 && spec.shape.length === 2 && spec.shape[1] === 1 ? [...nested, 1] : nested
  return { name, datatype, shape, data: writer.data() }
}

const nestedShape = (values: readonly JsonValue[], { shape }: TensorSpec): readonly number[] => {
  // An empty list tells nothing of the dimensions within.
  if (values.length === 0) return [0, ...shape.slice(1).map((dimension) => Math.max(0, dimension))]
  const dimensions = [values.length]
  for (let value = values[0]; Array.isArray(value) && dimensions.length < rankMax; value = value[0]) {
    dimensions.push(value.length)
  }
  return dimensions
}

const checkLists = (values: readonly JsonValue[], shape: readonly number[], depth: number): void => {
  const expected = shape[depth + 1]
  if (expected === undefined) return
  for (const [index, value] of values.entries()) {
    if (!Array.isArray(value) || value.length !== expected) {
      const got = Array.isArray(value) ? `${value.length} values` : 'no list'
      const where = depth === 0 ? `row ${index}` : `a list at depth ${depth + 1}`
      throw fail('invalid_request', {
        reason: `${where} has ${got} where ${expected} are expected: the data is ragged`,
      })
    }
    checkLists(value, shape, depth + 1)
  }
}

class NestedWriter {
  readonly #spec: TensorSpec
  readonly #cells: Cells
  #at = 0

  constructor(spec: TensorSpec, cells: Cells) {
    this.#spec = spec
    this.#cells = cells
  }

  write(values: readonly JsonValue[], rank: number): void {
    for (const value of values) {
      if (rank > 1) this.write(value as readonly JsonValue[], rank - 1)
      else this.#put(value)
    }
  }

  data(): Uint8Array {
    return this.#cells.data()
  }

  #put(value: JsonValue): void {
    if (!this.#cells.put(this.#at, value)) {
      const { name, datatype } = this.#spec
      throw fail('invalid_request', {
        reason: `Data is not compatible with model signature. Failed to convert ${name.slice(0, 100)} to type ${datatype}: value ${this.#at} is ${shownCell(value)}`,
      })
    }
    this.#at += 1
  }
}
