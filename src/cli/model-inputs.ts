import type { VersionView } from '../api/index.ts'
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

/**
 * Lays table rows out as the inputs of a model. A model with one input of several columns takes them by the feature
 * names in its metadata, or else by position; a model with an input a column takes the columns of those names.
 */
export const inputsOfRecords = (records: Records, version: VersionView): RequestInput[] => {
  const specs = version.inputs as InputSpec[]
  const [only] = specs
  if (only !== undefined && specs.length === 1) return [wideInput(records, only, version.metadata['feature_names'])]
  return specs.map((spec) => ({
    name: spec.name,
    datatype: spec.datatype,
    shape: [records.length, ...spec.shape.slice(1).map((dimension) => (dimension < 0 ? 1 : dimension))],
    data: records.flatMap((record, row) => cell(record, spec.name, row)),
  }))
}

const wideInput = (records: Records, spec: InputSpec, featureNames: string | undefined): RequestInput => {
  const width = spec.shape.slice(1).reduce((product, dimension) => product * Math.max(1, dimension), 1)
  const available = Object.keys(records[0] ?? {})
  const columns = featureColumns(featureNames, available) ?? (available.includes(spec.name) ? [spec.name] : available)
  const data = records.flatMap((record, row) => columns.flatMap((column) => cell(record, column, row)))
  const open = spec.shape.slice(1).some((dimension) => dimension < 0)
  if (!open && data.length !== records.length * width) {
    throw new Refusal(
      `the model takes ${width} values a row, the table has ${columns.length} columns: ${columns.join(', ')}`,
    )
  }
  const shape = spec.shape.map((dimension, index) =>
    index === 0 ? records.length : dimension < 0 ? data.length / records.length : dimension,
  )
  return { name: spec.name, datatype: spec.datatype, shape, data }
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

const cell = (record: Readonly<Record<string, unknown>>, column: string, row: number): unknown[] => {
  const value = record[column]
  if (value === undefined || value === null) throw new Refusal(`row ${row} has no value for '${column}'`)
  if (Array.isArray(value)) return value as unknown[]
  return [typeof value === 'bigint' ? Number(value) : value]
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
const exampleValue = ({ datatype, shape }: InputSpec): unknown[] => {
  const width = shape.slice(1).reduce((product, dimension) => product * Math.max(1, dimension), 1)
  const value = datatype === 'BYTES' ? 'text' : datatype === 'BOOL' ? false : 0
  return Array.from({ length: Math.min(width, exampleCharactersMax) }, () => value)
}
