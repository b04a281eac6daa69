import { reasonOf } from '../../lib/index.ts'
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

const missingLengthMax = Math.max(...Array.from(missingWords, (word) => word.length))

/** A field longer than this is a quote that never ends. */
const recordBytesMax = 16 * 1024 * 1024
/** A line of so many is within that, whatever they are. */
const recordCharactersMax = recordBytesMax / 4

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
  for (const cells of rows) putNulls(cells)
  return new ListFrame(checkNames(names), rows, names.length)
}

const parseCsv = (body: Uint8Array): [string[]?, ...(string | null)[][]] => {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(body)
  } catch (error) {
    throw badCsv('it is not UTF-8', error)
  }
  const plain = plainRows(text)
  if (plain !== undefined) return plain
  try {
    return parse(text, { bom: true, skip_empty_lines: true, max_record_size: recordBytesMax })
  } catch (error) {
    throw badCsv(reasonOf(error), error)
  }
}

/**
 * The rows of a text without quotes whose lines all end alike and are all as long, as nearly every one is: a fifth of
 * what the parser takes. Undefined for others, also those that the parser refuses.
 */
const plainRows = (text: string): [string[]?, ...string[][]] | undefined => {
  if (text.includes('"')) return undefined
  const ending = text.includes('\r') ? '\r\n' : '\n'
  if (ending === '\r\n' && /\r(?!\n)|(?<!\r)\n/.test(text)) return undefined
  const rows: [string[]?, ...string[][]] = []
  for (const line of text.split(ending)) {
    if (line === '') continue
    const cells = line.split(',')
    if (line.length > recordCharactersMax || (rows[0] !== undefined && rows[0].length !== cells.length))
      return undefined
    rows.push(cells)
  }
  return rows
}

const putNulls = (cells: (string | null)[]): void => {
  for (let at = 0; at < cells.length; at++) {
    const cell = cells[at]
    // Why: to look up a long text means to hash it.
    if (typeof cell === 'string' && cell.length <= missingLengthMax && missingWords.has(cell)) cells[at] = null
  }
}
