import { parse } from 'csv-parse/sync'
import { fail } from '../../protocol/index.ts'
import type { Frame } from './frame.ts'
import { ListFrame } from './frame.ts'
import { checkNames } from './read-frame.ts'

/** What pandas reads as a missing value, by default. */
const missingWords: ReadonlySet<string> = new Set([
  '',
  '#N/A',
  '#N/A N/A',
  '#NA',
  '-1.#IND',
  '-1.#QNAN',
  '-NaN',
  '-nan',
  '1.#IND',
  '1.#QNAN',
  '<NA>',
  'N/A',
  'NA',
  'NULL',
  'NaN',
  'None',
  'n/a',
  'nan',
  'null',
])

/** A field longer than this is a quote that never ends. */
const recordBytesMax = 16 * 1024 * 1024

const badCsv = (reason: string, cause?: unknown): Error =>
  fail(
    'invalid_request',
    { reason: `Failed to parse input as a Pandas DataFrame. Ensure that the input is valid CSV: ${reason}` },
    cause,
  )

/** A table of comma-separated values whose first line has the names; what is missing is null. */
export const readCsv = (body: Uint8Array): Frame => {
  const [names, ...rows] = parseCsv(body)
  if (names === undefined) throw badCsv('there are no columns')
  return new ListFrame(checkNames(names), rows.map(withNulls), names.length)
}

const parseCsv = (body: Uint8Array): string[][] => {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(body)
  } catch (error) {
    throw badCsv('it is not UTF-8', error)
  }
  try {
    return parse(text, { bom: true, skip_empty_lines: true, max_record_size: recordBytesMax })
  } catch (error) {
    throw badCsv(error instanceof Error ? error.message : String(error), error)
  }
}

const withNulls = (cells: readonly string[]): (string | null)[] =>
  cells.map((cell) => (missingWords.has(cell) ? null : cell))
