import { readFileSync } from 'node:fs'
import { parse } from 'csv-parse/sync'
import { parquetReadObjects } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import { reasonOf, whyUnreadable } from '../lib/index.ts'
import type { JsonValue } from '../tensor/index.ts'
import { parseJson } from '../tensor/index.ts'
import { Refusal } from './command.ts'

/** Rows by column name; of a CSV without a head, by position ("0", "1", …). */
export type Records = readonly Readonly<Record<string, unknown>>[]

export type RecordFormat = 'json' | 'csv' | 'parquet'

/** The bytes of a file that the caller named. Throws Refusal with why it can't be read. */
export const readInputFile = (path: string): Uint8Array => {
  try {
    return readFileSync(path)
  } catch (error) {
    throw new Refusal(`'${path}' can't be read: ${whyUnreadable(error)}`, 'no_input')
  }
}

/** The format that a file's name says. */
export const formatOf = (path: string): RecordFormat | undefined => {
  if (/\.parquet$/i.test(path)) return 'parquet'
  if (/\.csv$/i.test(path)) return 'csv'
  return /\.(json|jsonl|ndjson)$/i.test(path) ? 'json' : undefined
}

/**
 * Reads rows from a file's bytes. Cells of CSV that look like numbers are numbers, unless `cells` asks for their text.
 * Throws Refusal with what is wrong with them.
 */
export const readRecords = async (
  bytes: Uint8Array,
  format: RecordFormat,
  cells: 'numbers' | 'text' = 'numbers',
): Promise<Records> => {
  try {
    switch (format) {
      case 'csv':
        return readCsv(bytes, cells)
      case 'parquet':
        // Why a copy: the bytes of a small file may be part of a larger buffer.
        return await parquetReadObjects({ file: Uint8Array.from(bytes).buffer, compressors })
      case 'json':
        return readJsonRecords(new TextDecoder().decode(bytes))
    }
  } catch (error) {
    if (error instanceof Refusal) throw error
    throw new Refusal(`the ${format} can't be read: ${reasonOf(error)}`)
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

const requireDifferent = (head: string[]): string[] => {
  const twice = head.find((column, index) => head.indexOf(column) < index)
  if (twice !== undefined) throw new Error(`it has two columns named '${twice}'`)
  return head
}

const readCsv = (bytes: Uint8Array, cells: 'numbers' | 'text'): Records => {
  const options = { columns: requireDifferent, skip_empty_lines: true, bom: true }
  if (cells !== 'numbers') return parse(Buffer.from(bytes), { ...options, cast: false })
  return withGaps(parse(Buffer.from(bytes), { ...options, cast: numberWhenOne }))
}

/** A list of rows, one row, or a row a line; a row is an object or a list. */
const readJsonRecords = (text: string): Records => {
  const values = oneDocument(text) ?? linesOf(text).map((line) => parseJson(utf8.encode(line)))
  const rows = Array.isArray(values) ? values : [values]
  return rows.map((row, index) => {
    if (Array.isArray(row)) return Object.fromEntries(row.map((value, column) => [String(column), value]))
    if (typeof row !== 'object' || row === null) throw new Refusal(`row ${index} is neither an object nor a list`)
    return row
  })
}

const utf8 = new TextEncoder()

const linesOf = (text: string): string[] => text.split('\n').filter((line) => line.trim() !== '')

/** Undefined for text that is several documents. What is wrong with a text of one line is thrown. */
const oneDocument = (text: string): JsonValue | undefined => {
  try {
    return parseJson(utf8.encode(text))
  } catch (error) {
    const lines = linesOf(text)
    if (lines.length > 1 && isJson(lines[0] ?? '')) return undefined
    throw error
  }
}

const isJson = (text: string): boolean => {
  try {
    parseJson(utf8.encode(text))
    return true
  } catch {
    return false
  }
}
