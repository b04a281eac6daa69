import type { VersionView } from '../api/index.ts'
import { cellValue, exactJson } from './cell-value.ts'
import { Refusal } from './command.ts'
import type { Records } from './records.ts'

interface InputSpec {
  readonly name: string
  readonly datatype: string
  readonly shape: readonly number[]
}

interface RequestInput {
  readonly name: string
  readonly datatype: string
  readonly shape: readonly number[]
  readonly data: readonly unknown[]
}

/** Rows of a table, of which the first is number `first` of the whole. */
export interface RowRange {
  readonly rows: Records
  readonly first: number
}

/**
 * Lays table rows out as the inputs of a model. A model with one input of several columns takes them by the feature
 * names in its metadata, or else by position; a model with an input a column takes the columns of those names.
 */
export const inputsOfRecords = (range: RowRange, version: VersionView): RequestInput[] => {
  const specs = version.inputs as InputSpec[]
  const [only] = specs
  if (only !== undefined && specs.length === 1) return [wideInput(range, only, version.metadata['feature_names'])]
  return specs.map((spec) => ({
    name: spec.name,
    datatype: spec.datatype,
    shape: shapeOf(spec, range.rows.length, 1),
    data: valuesOf(range, [spec.name], spec.datatype),
  }))
}

/** How many rows every request has, for a model that leaves no choice. */
export const fixedRows = (version: VersionView): number | undefined =>
  (version.inputs as InputSpec[]).map((spec) => (isOneRow(spec) ? 1 : (spec.shape[0] ?? 0))).find((rows) => rows > 0)

/** Whether a row is the whole input: a single dimension of a fixed size has no place for several. */
const isOneRow = ({ shape }: InputSpec): boolean => shape.length < 2 && shape.every((dimension) => dimension >= 0)

const rowShape = (spec: InputSpec): readonly number[] => (isOneRow(spec) ? spec.shape : spec.shape.slice(1))

/** Shape of so many rows, with `open` in place of each dimension of any size within a row. */
const shapeOf = (spec: InputSpec, rows: number, open: number): number[] => {
  const row = rowShape(spec).map((dimension) => (dimension < 0 ? open : dimension))
  return isOneRow(spec) ? row : [rows, ...row]
}

/** Values of a row, where no dimension is open. */
const widthOf = (spec: InputSpec): number =>
  rowShape(spec).reduce((product, dimension) => product * Math.max(1, dimension), 1)

/** The body of a request, with every digit of large whole numbers. */
export const requestText = (inputs: readonly RequestInput[]): string =>
  `{"inputs":[${inputs
    .map(({ data, ...head }) => `${JSON.stringify(head).slice(0, -1)},"data":${exactJson(data)}}`)
    .join(',')}]}`

const wideInput = (range: RowRange, spec: InputSpec, featureNames: string | undefined): RequestInput => {
  const { rows } = range
  const width = widthOf(spec)
  const available = Object.keys(rows[0] ?? {})
  const columns = featureColumns(featureNames, available) ?? (available.includes(spec.name) ? [spec.name] : available)
  const data = valuesOf(range, columns, spec.datatype)
  const open = rowShape(spec).some((dimension) => dimension < 0)
  if (!open && data.length !== rows.length * width) {
    throw new Refusal(
      `the model takes ${width} values a row, the table has ${columnsText(columns, data.length / rows.length)}`,
    )
  }
  const shape = shapeOf(spec, rows.length, data.length / rows.length)
  return { name: spec.name, datatype: spec.datatype, shape, data }
}

/** `3 columns: x, y, z`, or `1 column with 8 values: x` where cells are lists. */
const columnsText = (columns: readonly string[], values: number): string => {
  const count = `${columns.length} ${columns.length === 1 ? 'column' : 'columns'}`
  return `${count}${values === columns.length ? '' : ` with ${values} values`}: ${columns.join(', ')}`
}

const featureColumns = (
  featureNames: string | undefined,
  available: readonly string[],
): readonly string[] | undefined => {
  if (featureNames === undefined) return undefined
  const names = JSON.parse(featureNames) as string[]
  const missing = names.filter((name) => !available.includes(name))
  if (missing.length === 0) return names
  if (missing.length < names.length)
    throw new Refusal(`the table lacks the columns ${missing.join(', ')}, which the model takes`)
  return undefined
}

const valuesOf = ({ rows, first }: RowRange, columns: readonly string[], datatype: string): unknown[] =>
  rows.flatMap((record, index) =>
    columns.flatMap((column) => {
      const cell = record[column]
      const cells = Array.isArray(cell) ? (cell.flat(Infinity) as unknown[]) : [cell]
      return cells.map((one) => cellValue(datatype, one) ?? refuseCell(one, `row ${first + index}`, column, datatype))
    }),
  )

const refuseCell = (cell: unknown, row: string, column: string, datatype: string): never => {
  const nothing = cell === undefined || cell === null || cell === ''
  throw new Refusal(
    nothing
      ? `${row} has no value for '${column}'`
      : `${row}: ${JSON.stringify(cell).slice(0, 40)} in column '${column}' is not a ${datatype}`,
  )
}

/** Longest example row that fits a line of the terminal beside the command. */
const exampleCharactersMax = 60

/** Input of one row that the model would take, as JSON; undefined when it would be too long to show. */
export const exampleRow = (version: VersionView): string | undefined => {
  const specs = version.inputs as InputSpec[]
  const [only] = specs
  const input = only !== undefined && specs.length === 1 ? [exampleValue(only)] : exampleColumns(specs)
  const text = JSON.stringify(input)
  return text.length > exampleCharactersMax ? undefined : text
}

const exampleColumns = (specs: readonly InputSpec[]): Record<string, unknown> =>
  Object.fromEntries(
    specs.map((spec) => {
      const values = exampleValue(spec)
      return [spec.name, values.length === 1 ? values[0] : values]
    }),
  )

/** As many values as a row of the input has, no more than could be shown. */
const exampleValue = (spec: InputSpec): unknown[] => {
  const { datatype } = spec
  const width = widthOf(spec)
  const value = datatype === 'BYTES' ? 'text' : datatype === 'BOOL' ? false : 0
  return Array.from({ length: Math.min(width, exampleCharactersMax) }, () => value)
}
