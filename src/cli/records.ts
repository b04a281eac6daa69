import { parse } from 'csv-parse/sync'
import { parquetReadObjects } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import { Refusal } from './command.ts'

/** Rows by column name; of a CSV without a head, by position ("0", "1", …). */
export type Records = readonly Readonly<Record<string, unknown>>[]

export type RecordFormat = 'json' | 'csv' | 'parquet'

/** The format that a file's name says. */
export const formatOf = (path: string): RecordFormat | undefined => {
  if (/\.parquet$/i.test(path)) return 'parquet'
  if (/\.csv$/i.test(path)) return 'csv'
  return /\.(json|jsonl|ndjson)$/i.test(path) ? 'json' : undefined
}

/** Reads rows from a file's bytes. Throws Refusal with what is wrong with them. */
export const readRecords = async (bytes: Uint8Array, format: RecordFormat): Promise<Records> => {
  try {
    switch (format) {
      case 'csv':
        return withGaps(
          parse(Buffer.from(bytes), { columns: true, cast: numberWhenOne, skip_empty_lines: true, bom: true }),
        )
      case 'parquet':
        // Why a copy: the bytes of a small file may be part of a larger buffer.
        return await parquetReadObjects({ file: Uint8Array.from(bytes).buffer, compressors })
      case 'json':
        return readJsonRecords(new TextDecoder().decode(bytes))
    }
  } catch (error) {
    if (error instanceof Refusal) throw error
    throw new Refusal(`the ${format} can't be read: ${error instanceof Error ? error.message : String(error)}`)
  }
}

const numberWhenOne = (text: string): string | number =>
  text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : text

/** An empty cell between numbers is a missing number; among texts it is a text without characters. */
const withGaps = (rows: Record<string, string | number>[]): Records => {
  const isGap = (value: string | number | undefined): boolean => typeof value === 'string' && value.trim() === ''
  const columns = Object.keys(rows[0] ?? {}).filter(
    (column) =>
      rows.some((row) => isGap(row[column])) &&
      rows.some((row) => typeof row[column] === 'number') &&
      rows.every((row) => typeof row[column] === 'number' || isGap(row[column])),
  )
  if (columns.length === 0) return rows
  return rows.map((row) => ({
    ...row,
    ...Object.fromEntries(columns.filter((column) => isGap(row[column])).map((column) => [column, null])),
  }))
}

/** A list of objects, an object of lists, or one object a line. */
const readJsonRecords = (text: string): Records => {
  const values: unknown =
    /^\s*[[{]/.test(text) && isOneDocument(text)
      ? JSON.parse(text)
      : text
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line) as unknown)
  const rows = Array.isArray(values) ? values : [values]
  return rows.map((row: unknown, index) => {
    if (Array.isArray(row)) return Object.fromEntries(row.map((value, column) => [String(column), value as unknown]))
    if (typeof row !== 'object' || row === null) throw new Refusal(`row ${index} is neither an object nor a list`)
    return row as Readonly<Record<string, unknown>>
  })
}

const isOneDocument = (text: string): boolean => {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
