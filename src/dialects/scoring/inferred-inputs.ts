import { fail } from '../../protocol/index.ts'
import type { DataType, JsonValue, TensorSpec } from '../../tensor/index.ts'
import { integerOf, numberOf, truthOf } from './cell-casts.ts'
import type { Cell } from './cells.ts'
import type { ColumnReader } from './frame.ts'
import type { ScoringData } from './read-frame.ts'

/** Under which name a model that says nothing of its inputs gets an array without one. */
const arrayName = 'input-0'

/** What a request has, as inputs of a model that takes what comes: a column each, or one array. */
export const inferredInputs = (
  data: ScoringData,
  { isText, bytesMax }: { readonly isText: boolean; readonly bytesMax: number },
): readonly TensorSpec[] => {
  if ('values' in data) return [{ name: arrayName, ...inferredArray(data.values) }]
  const { frame } = data
  const columns = frame.columns()
  const names = frame.names() ?? columns.map((_, index) => `input-${index}`)
  // Why: every cell is looked at, also those that records of other columns lack; none takes less.
  if (frame.rows * columns.length * cellBytesMin > bytesMax)
    throw fail('payload_too_large', {
      what: `a table of ${frame.rows} rows and ${columns.length} columns`,
      limitBytes: bytesMax,
    })
  return columns.map((read, index) => {
    const name = names[index] ?? ''
    // Why: names with a NUL are reserved for what travels beside tensors.
    if (name.includes('\0')) throw fail('invalid_request', { reason: 'the name of a column has no NUL' })
    const first = read(0)
    if (Array.isArray(first)) return { name, ...inferredRows(read, frame.rows) }
    return { name, datatype: datatypeOf(frame.rows, read, isText), shape: [-1, 1] }
  })
}

/** As the limit of tables counts them. */
const cellBytesMin = 4

type Inferred = Pick<TensorSpec, 'datatype' | 'shape'>

const inferredRows = (read: ColumnReader, rows: number): Inferred =>
  inferredArray(Array.from({ length: rows }, (_, row) => read(row) ?? null))

const inferredArray = (values: readonly JsonValue[]): Inferred => {
  let rank = 1
  for (let value = values[0]; Array.isArray(value); value = value[0]) rank += 1
  let flat: readonly JsonValue[] = values
  for (let depth = 1; depth < rank; depth++) {
    flat = flat.flatMap((value) => {
      if (!Array.isArray(value)) throw fail('invalid_request', { reason: 'the data is ragged' })
      return value
    })
  }
  return {
    datatype: datatypeOf(flat.length, (index) => flat[index], false),
    shape: Array.from({ length: rank }, () => -1),
  }
}

interface Kind {
  readonly datatype: DataType
  holds(cell: Cell): boolean
}

const isMissing = (cell: Cell): boolean => cell === null || cell === undefined
const isNumber = (cell: Cell): boolean => typeof cell === 'number' || typeof cell === 'bigint'

/** Kinds of cells, the narrowest first. */
const jsonKinds: readonly Kind[] = [
  { datatype: 'BOOL', holds: (cell) => typeof cell === 'boolean' },
  { datatype: 'INT64', holds: (cell) => isNumber(cell) && integerOf(cell) !== undefined },
  { datatype: 'FP64', holds: (cell) => isNumber(cell) || isMissing(cell) },
  { datatype: 'BYTES', holds: (cell) => typeof cell === 'string' || isMissing(cell) },
]

/** In tables of text, what all reads as numbers is numbers. */
const csvKinds: readonly Kind[] = [
  { datatype: 'BOOL', holds: (cell) => truthOf(cell) !== undefined },
  { datatype: 'INT64', holds: (cell) => integerOf(cell) !== undefined },
  { datatype: 'FP64', holds: (cell) => numberOf(cell) !== undefined },
  { datatype: 'BYTES', holds: () => true },
]

const datatypeOf = (count: number, read: (index: number) => Cell, isText: boolean): DataType => {
  for (const { datatype, holds } of isText ? csvKinds : jsonKinds) {
    let index = 0
    while (index < count && holds(read(index))) index += 1
    if (index === count) return datatype
  }
  throw fail('invalid_request', { reason: 'a column mixes values that no one type holds' })
}
