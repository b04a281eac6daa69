import { fail } from '../../protocol/index.ts'
import type { JsonValue } from '../../tensor/index.ts'
import type { Frame, JsonObject } from './frame.ts'
import { ColumnFrame, isObject, ListFrame, own, RecordFrame } from './frame.ts'

/** What a request asks to score: a table, or an array without names. */
export type ScoringData = { readonly frame: Frame } | { readonly values: readonly JsonValue[] }

const invalid = (reason: string): Error => fail('invalid_request', { reason })

const formats = ['dataframe_split', 'dataframe_records', 'instances', 'inputs'] as const

const mustHaveOne = `The input must be a JSON dictionary with exactly one of the input fields {'${formats.join("', '")}'}`

/** The data of a body of `/invocations`. */
export const readInvocation = (json: JsonValue): ScoringData => {
  if (!isObject(json)) throw invalid(`${mustHaveOne}. Received ${Array.isArray(json) ? 'a list' : 'a bare value'}.`)
  const [format, other] = formats.filter((name) => Object.hasOwn(json, name))
  if (format === undefined || other !== undefined) {
    const fields = Object.keys(json).slice(0, 20).join(', ')
    throw invalid(`${mustHaveOne}. Received dictionary with input fields: ${fields}`)
  }
  const data = own(json, format) ?? null
  switch (format) {
    case 'dataframe_split':
      return { frame: readSplit(data) }
    case 'dataframe_records':
      return { frame: readRecords(data) }
    case 'instances':
    case 'inputs':
      return readValues(data)
  }
}

/** The data of a body `{"data": [...]}`. */
export const readPredictBody = (json: JsonValue): ScoringData => {
  if (!isObject(json)) throw invalid("the body must be a JSON object with 'data'")
  const data = own(json, 'data')
  if (data === undefined) throw invalid("the body must have 'data': a list of rows, each a list or an object")
  if (!Array.isArray(data) && !isObject(data)) throw invalid("'data' must be a list of rows, each a list or an object")
  return readValues(data)
}

const readSplit = (split: JsonValue): Frame => {
  if (!isObject(split))
    throw invalid(`Dataframe split format must be a dictionary. Got ${Array.isArray(split) ? 'list' : 'a bare value'}.`)
  const keys = Object.keys(split)
  if (!keys.includes('data') || keys.some((key) => !['columns', 'data', 'index'].includes(key))) {
    const got = keys.slice(0, 20).join(', ')
    throw invalid(
      `Dataframe split format must have 'data' field and optionally 'columns' and 'index' fields. Got ${got}.`,
    )
  }
  const data = own(split, 'data')
  if (!Array.isArray(data)) throw invalid("'data' of dataframe_split must be a list of rows")
  const columns = own(split, 'columns') ?? null
  const index = own(split, 'index') ?? null
  if (index !== null && !(Array.isArray(index) && index.length === data.length))
    throw invalid(`'index' of dataframe_split must be a list of ${data.length} labels, one a row`)
  const names = columns === null ? undefined : readNames(columns)
  return new ListFrame(names, data, checkRows(data, names?.length))
}

const readNames = (columns: JsonValue): readonly string[] => {
  if (!Array.isArray(columns)) throw invalid("'columns' of dataframe_split must be a list of names")
  return checkNames(
    columns.map((name) => {
      if (typeof name === 'string') return name
      if (typeof name === 'number' || typeof name === 'bigint') return String(name)
      throw invalid("each of the 'columns' of dataframe_split must be a string")
    }),
  )
}

/** Refuses a name that stands for two columns. */
export const checkNames = (names: readonly string[]): readonly string[] => {
  const seen = new Set<string>()
  for (const name of names) {
    if (seen.has(name)) throw invalid(`the column '${name.slice(0, 100)}' appears more than once`)
    seen.add(name)
  }
  return names
}

/** How many columns rows of lists have; all must have as many. */
const checkRows = (data: readonly JsonValue[], expected: number | undefined): number => {
  const first = data[0]
  const width = expected ?? (Array.isArray(first) ? first.length : 1)
  for (let row = 0; row < data.length; row++) {
    const cells = data[row]
    const length = Array.isArray(cells) ? cells.length : isObject(cells) ? -1 : 1
    if (length !== width) {
      const got = length < 0 ? 'is an object' : `has ${length} values`
      throw invalid(`row ${row} ${got}; every row must be a list of ${width}`)
    }
  }
  return width
}

const readRecords = (records: JsonValue): Frame => {
  if (!Array.isArray(records)) {
    const got = isObject(records) ? 'dictionary' : 'a bare value'
    throw invalid(`Dataframe records format must be a list of records. Got ${got}.`)
  }
  return new RecordFrame(checkRecords(records))
}

const checkRecords = (records: readonly JsonValue[]): readonly JsonObject[] => {
  for (let row = 0; row < records.length; row++) {
    if (!isObject(records[row])) throw invalid(`row ${row} is not an object, but others are`)
  }
  return records as readonly JsonObject[]
}

/** TensorFlow Serving's two forms: a list of rows, or an object of columns. */
const readValues = (data: JsonValue): ScoringData => {
  if (isObject(data)) return { frame: readColumns(data) }
  if (!Array.isArray(data)) return { values: [data] }
  return data.some(isObject) ? { frame: new RecordFrame(checkRecords(data)) } : { values: data }
}

const readColumns = (columns: JsonObject): Frame => {
  const entries = Object.entries(columns)
  if (entries.every(([, column]) => !Array.isArray(column))) return new RecordFrame([columns])
  const lists = new Map<string, readonly JsonValue[]>()
  let rows = -1
  for (const [name, column] of entries) {
    if (!Array.isArray(column)) throw invalid(`'${name.slice(0, 100)}' is not a list, but other columns are`)
    if (rows >= 0 && column.length !== rows) {
      throw invalid(
        `All arrays must be of the same length: '${name.slice(0, 100)}' has ${column.length} values, others ${rows}`,
      )
    }
    rows = column.length
    lists.set(name, column)
  }
  return new ColumnFrame(lists, rows)
}
