import { fail } from '../../protocol/index.ts'
import type { JsonValue, Tensor, TensorSpec } from '../../tensor/index.ts'
import { datatypeBytes } from '../../tensor/index.ts'
import { shownCell } from './cell-casts.ts'
import type { Cell } from './cells.ts'
import { openCells } from './cells.ts'
import type { ColumnReader, Frame } from './frame.ts'
import { ListFrame } from './frame.ts'
import { inferredInputs } from './inferred-inputs.ts'
import { nestedTensor } from './nested-tensor.ts'
import type { ScoringData } from './read-frame.ts'

/** What tables are laid out for. */
export interface ScoringTarget {
  readonly inputs: readonly TensorSpec[]
  /** Names of the columns of the one input, when the model tells them. */
  readonly features: readonly string[] | undefined
  /** The model checks its inputs itself and knows missing values of every type; it may say nothing of what it takes. */
  readonly open: boolean
  /** The model reads bodies itself where tensors can't carry all that they say. */
  readonly readsBodies: boolean
  /** The model takes parameters. */
  readonly parametric: boolean
}

export interface LayoutOptions {
  /** Whether rows without names are taken in the order of the model's inputs. */
  readonly positional: boolean
  /** Whether the text was read without loss of digits; otherwise LostDigits is thrown where that matters. */
  readonly exact: boolean
  /** Whether every cell is text, so that only its look says what it is. */
  readonly isText: boolean
  /** Most bytes of all tensors: rows that lack most of their columns must not grow without bound. */
  readonly bytesMax: number
}

export interface ScoringTensors {
  readonly inputs: readonly Tensor[]
  /** Which values of an input are missing, a byte for each, by its name. */
  readonly nulls: ReadonlyMap<string, Uint8Array>
}

interface Layout extends LayoutOptions {
  readonly target: ScoringTarget
  readonly nulls: Map<string, Uint8Array>
}

/** Lays out what a request asks to score as the tensors of the model. */
export const tensorsOf = (data: ScoringData, given: ScoringTarget, options: LayoutOptions): ScoringTensors => {
  const target = given.open && given.inputs.length === 0 ? { ...given, inputs: inferredInputs(data, options) } : given
  const layout: Layout = { ...options, target, nulls: new Map() }
  const [only, other] = target.inputs
  const inputs =
    only !== undefined && other === undefined && !isColumn(only)
      ? [wideInput(data, only, layout)]
      : columnInputs(data, layout)
  return { inputs, nulls: layout.nulls }
}

/** Whether an input has one value a row. */
const isColumn = ({ shape }: TensorSpec): boolean => shape.length <= 1 || (shape.length === 2 && shape[1] === 1)

const listOf = (names: readonly string[]): string =>
  `[${names
    .slice(0, 20)
    .map((name) => `'${name.slice(0, 100)}'`)
    .join(', ')}${names.length > 20 ? ', …' : ''}]`

const missingInputs = (missing: readonly string[], extra: readonly string[]): Error => {
  const also = extra.length === 0 ? '' : ` Note that there were extra inputs: ${listOf(extra)}.`
  const reason = `Failed to enforce schema of data. Error: Model is missing inputs ${listOf(missing)}.${also}`
  return fail('invalid_parameter', { reason })
}

// One input a column

const columnInputs = (data: ScoringData, layout: Layout): Tensor[] => {
  const specs = layout.target.inputs
  const required = specs.filter((spec) => spec.optional !== true)
  const nameless = areNameless(layout.target)
  if ('frame' in data && data.frame.names() !== undefined && !nameless) return namedColumns(data.frame, layout)
  const [single, more] = required
  if ('values' in data && single !== undefined && more === undefined) return [valuesInput(data.values, single, layout)]
  const frame = 'frame' in data ? data.frame : rowsFrame(data.values)
  const columns = frame.columns()
  const counted = nameless || areCounted(layout.target)
  if (!(counted && columns.length >= specs.length) && !(layout.positional && columns.length === specs.length)) {
    throw missingInputs(
      required.map((spec) => spec.name),
      columns.map((_, position) => String(position)),
    )
  }
  checkBytes(frame.rows, specs, layout)
  return specs.map((spec, position) => columnTensor(spec, frame.rows, columns[position] ?? nothing, layout))
}

/** Whether the model's columns are only counted, which is how those of a signature without names are shown. */
export const areNameless = ({ inputs, open }: ScoringTarget): boolean =>
  open && inputs.length > 0 && inputs.every((spec, index) => spec.name === `input-${index}`)

/** Whether the model's columns are named after their places, as pandas counts those of a table without names. */
const areCounted = ({ inputs, open }: ScoringTarget): boolean =>
  open && inputs.length > 0 && inputs.every((spec, index) => spec.name === String(index))

const nothing: ColumnReader = () => undefined

/** Rows without names; ragged ones are refused when their columns are read. */
const rowsFrame = (values: readonly JsonValue[]): Frame => {
  const first = values[0]
  const width = Array.isArray(first) ? first.length : 1
  for (const [row, cells] of values.entries()) {
    const length = Array.isArray(cells) ? cells.length : 1
    if (length !== width)
      throw fail('invalid_request', { reason: `row ${row} has ${length} values, row 0 has ${width}` })
  }
  return new ListFrame(undefined, values, width)
}

const namedColumns = (frame: Frame, layout: Layout): Tensor[] => {
  const present = layout.target.inputs.filter((spec) => frame.has(spec.name))
  const missing = layout.target.inputs.filter((spec) => spec.optional !== true && !frame.has(spec.name))
  if (missing.length > 0) {
    const known = new Set(layout.target.inputs.map((spec) => spec.name))
    throw missingInputs(
      missing.map((spec) => spec.name),
      (frame.names() ?? []).filter((name) => !known.has(name)),
    )
  }
  checkBytes(frame.rows, present, layout)
  return present.map((spec) => columnTensor(spec, frame.rows, frame.column(spec.name), layout))
}

const checkBytes = (rows: number, specs: readonly TensorSpec[], { bytesMax }: Layout): void => {
  const rowBytes = specs.reduce((sum, { datatype }) => sum + Math.max(4, datatypeBytes[datatype]), 0)
  if (rows * rowBytes > bytesMax)
    throw fail('payload_too_large', {
      what: `a table of ${rows} rows and ${specs.length} columns`,
      limitBytes: bytesMax,
    })
}

const columnTensor = (spec: TensorSpec, rows: number, read: ColumnReader, layout: Layout): Tensor => {
  if (Array.isArray(read(0)) || !isFlat(spec)) {
    const values = Array.from({ length: rows }, (_, row) => read(row) ?? null)
    return nestedTensor(spec, values, layout)
  }
  return flatTensor(spec, rows, read, layout)
}

/** Whether bare values are rows of the input. */
const isFlat = ({ shape }: TensorSpec): boolean =>
  shape.length <= 1 || (shape.length === 2 && Math.abs(shape[1] ?? 0) === 1)

const flatTensor = (spec: TensorSpec, rows: number, read: ColumnReader, layout: Layout): Tensor => {
  const { name, datatype } = spec
  const cells = openCells(datatype, rows, layout.exact)
  const shape = spec.shape.length === 2 ? [rows, 1] : [rows]
  let missing: Uint8Array | undefined
  for (let row = 0; row < rows; row++) {
    const cell = read(row)
    if (cells.put(row, cell)) continue
    if (!isMissing(cell) || !layout.target.open || isNeverMissing(spec)) throw wrongCell(spec, row, cell)
    missing ??= new Uint8Array(rows)
    missing[row] = 1
    cells.put(row, zeroOf(spec))
  }
  if (missing !== undefined) layout.nulls.set(name, missing)
  return { name, datatype, shape, data: cells.data() }
}

/** MLflow makes whole numbers of such a column before its enforcement looks at it, and fails on a null. */
const isNeverMissing = ({ datatype }: TensorSpec): boolean => datatype === 'INT32' || datatype === 'INT64'

const isMissing = (cell: Cell): boolean => cell === null || cell === undefined

const zeroOf = ({ datatype }: TensorSpec): Cell => (datatype === 'BYTES' ? '' : 0)

const wrongCell = ({ name, datatype }: TensorSpec, row: number, cell: Cell): Error =>
  fail('invalid_request', {
    reason: `Data is not compatible with model signature. Failed to convert column ${name.slice(0, 100)} to type ${datatype}: row ${row} has ${shownCell(cell)}`,
  })

const valuesInput = (values: readonly JsonValue[], spec: TensorSpec, layout: Layout): Tensor => {
  checkBytes(values.length, [spec], layout)
  return columnTensor(spec, values.length, (row) => values[row], layout)
}

// One input with a column a feature

const wideInput = (data: ScoringData, spec: TensorSpec, layout: Layout): Tensor => {
  if ('values' in data) return nestedTensor(spec, data.values, layout)
  const { frame } = data
  if (frame.has(spec.name)) return columnTensor(spec, frame.rows, frame.column(spec.name), layout)
  const columns = featureColumns(frame, layout.target.features)
  const [single] = columns
  if (columns.length === 1 && single !== undefined && Array.isArray(single(0)))
    return columnTensor(spec, frame.rows, single, layout)
  return matrixTensor(spec, frame.rows, columns, layout)
}

/** The columns that a model names, in its order; those of the table in theirs when either has no names. */
const featureColumns = (frame: Frame, features: readonly string[] | undefined): readonly ColumnReader[] => {
  const names = frame.names()
  if (features === undefined || names === undefined) return frame.columns()
  const missing = features.filter((name) => !frame.has(name))
  if (missing.length > 0) {
    const known = new Set(features)
    throw missingInputs(
      missing,
      names.filter((name) => !known.has(name)),
    )
  }
  return features.map((name) => frame.column(name))
}

const matrixTensor = (spec: TensorSpec, rows: number, columns: readonly ColumnReader[], layout: Layout): Tensor => {
  const { name, datatype } = spec
  const width = columns.length
  checkBytes(
    rows,
    columns.map(() => spec),
    layout,
  )
  const cells = openCells(datatype, rows * width, layout.exact)
  const shape = [rows, width]
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < width; column++) {
      const cell = (columns[column] ?? nothing)(row)
      if (!cells.put(row * width + column, cell)) throw wrongCell(spec, row, cell)
    }
  }
  return { name, datatype, shape, data: cells.data() }
}
