import { buffer as readBytes } from 'node:stream/consumers'
import type { VersionView } from '../../api/index.ts'
import { apiRoot } from '../../protocol/index.ts'
import { parseJson } from '../../tensor/index.ts'
import { exactJson } from '../cell-value.ts'
import type { ClientArgs } from '../client-options.ts'
import { clientArgs, commonFlags, onePositional } from '../client-options.ts'
import type { Command, CommandContext, Flag } from '../command.ts'
import { Refusal, UsageError } from '../command.ts'
import type { RowRange } from '../model-inputs.ts'
import { exampleRow, fixedRows, inputsOfRecords, requestText } from '../model-inputs.ts'
import { readyVersion } from '../ready-version.ts'
import type { RecordFormat, Records } from '../records.ts'
import { formatOf, readInputFile, readRecords } from '../records.ts'
import { table } from '../table.ts'

/** Rows sent in one request, unless --batch or the model says otherwise. */
const batchRowsDefault = 1000

interface InferAnswer {
  readonly outputs: readonly {
    readonly name: string
    readonly shape: readonly number[]
    readonly data: readonly unknown[]
  }[]
}

const flags: readonly Flag[] = [
  {
    name: 'input',
    value: 'FILE',
    doc: 'JSON (objects, or one a line), CSV or Parquet; - reads standard input',
    default: '-',
  },
  {
    name: 'format',
    value: 'json|csv|parquet',
    doc: 'what the file is',
    default: 'what its name says; json on standard input',
  },
  { name: 'output', value: 'table|json|csv', doc: 'how to answer; json is one object a line', default: 'table' },
  { name: 'version', value: 'N', doc: 'a version of the model', default: 'the one that answers' },
  {
    name: 'batch',
    value: 'ROWS',
    doc: 'rows a request',
    default: `as many as the model takes, at most ${batchRowsDefault}`,
  },
  { name: 'limit', value: 'ROWS', doc: 'score only the first rows', default: 'all' },
  ...commonFlags,
]

/** Scores the rows of a file. */
export const predict: Command = {
  usage: 'NAME [OPTIONS]',
  flags,
  examples: [
    'slipway predict fraud --input transactions.csv',
    'slipway predict fraud --input transactions.parquet --output csv > scores.csv',
    `echo '{"amount": 7.5}' | slipway predict rules`,
  ],
  async run(context) {
    const args = clientArgs(context, flags)
    const name = onePositional(args, 'the name of the model')
    const output = args.json ? 'json' : (args.text('output') ?? 'table')
    if (!['table', 'json', 'csv'].includes(output))
      throw new UsageError(`--output '${output}' is not one of table, json, csv`)
    const version = await readyVersion(args.client, name, wholeNumber(args, 'version'))
    if (version.inputs.length === 0) throw new Refusal(undeclaredText(name), 'unsupported')
    const batchRows = wholeNumber(args, 'batch') ?? rowsOf(version)
    const all = await readInput(context, args, { name, version })
    const records = all.slice(0, wholeNumber(args, 'limit') ?? all.length)
    if (records.length === 0) throw new Refusal('the input has no rows')
    const shown = context.terminal && !args.json
    const scored: Readonly<Record<string, unknown>>[] = []
    for (let start = 0; start < records.length; start += batchRows) {
      const rows = records.slice(start, start + batchRows)
      scored.push(...(await score(args, { name, version, rows, first: start })))
      if (shown) context.err(`\r${Math.min(start + batchRows, records.length)} of ${records.length} rows`)
    }
    if (shown) context.err('\r\u001b[K')
    context.out(render(scored, output))
    return 0
  },
}

/** Of a model without a signature nobody knows how rows become tensors. */
const undeclaredText = (name: string): string =>
  `model '${name}' doesn't say what it takes, since it has no signature; post the rows to ${apiRoot}/models/${encodeURIComponent(name)}/invocations, or log it with a signature`

const wholeNumber = (args: ClientArgs, name: string): number | undefined => {
  const text = args.text(name)
  if (text === undefined) return undefined
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1)
    throw new UsageError(`--${name} must be a whole number from 1, not '${text}'`)
  return value
}

/** Rows that the model takes in one request and that make no large one. */
const rowsOf = (version: VersionView): number => {
  const most = Number((version.config as { readonly max_batch_size?: unknown } | null)?.max_batch_size)
  const fixed = fixedRows(version)
  if (fixed !== undefined) return fixed
  return most > 0 ? Math.min(most, batchRowsDefault) : batchRowsDefault
}

interface Wanted {
  readonly name: string
  readonly version: VersionView
}

const readInput = async (context: CommandContext, args: ClientArgs, wanted: Wanted): Promise<Records> => {
  const path = args.text('input') ?? '-'
  const given = args.text('format')
  if (given !== undefined && given !== 'json' && given !== 'csv' && given !== 'parquet')
    throw new UsageError(`--format '${given}' is not one of json, csv, parquet`)
  const format: RecordFormat | undefined = given ?? (path === '-' ? 'json' : formatOf(path))
  if (format === undefined) throw new UsageError(`'${path}' doesn't say its format; add --format json, csv or parquet`)
  const bytes = path === '-' ? await context.input() : readInputFile(path)
  if (isBlank(bytes)) throw new Refusal(emptyText(path, format, wanted), 'no_input')
  const isGuess = given === undefined && path === '-'
  return readRecords(bytes, format, 'text').catch((error: unknown) => {
    if (!isGuess || !(error instanceof Refusal)) throw error
    throw new Refusal(`${error.message}; for other rows on standard input add --format csv or parquet`, error.code)
  })
}

/** White space alone; looks no further than its first other byte. */
const isBlank = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d))

const emptyText = (path: string, format: RecordFormat, { name, version }: Wanted): string => {
  const rows = { json: 'JSON, an object or a list a row', csv: 'CSV with a head', parquet: 'Parquet' }[format]
  const where = path === '-' ? 'standard input' : `'${path}'`
  const row = exampleRow(version)
  const example =
    row === undefined ? `slipway predict ${name} --input rows.csv` : `echo '${row}' | slipway predict ${name}`
  return `${where} is empty; expected rows as ${rows}, for example\n  ${example}`
}

const score = async (
  args: ClientArgs,
  { name, version, rows, first }: Wanted & RowRange,
): Promise<Readonly<Record<string, unknown>>[]> => {
  const body = await args.client.stream({
    method: 'POST',
    path: `/v2/models/${encodeURIComponent(name)}/versions/${version.version}/infer`,
    body: requestText(inputsOfRecords({ rows, first }, version)),
  })
  // Why: the platform's own reader takes no NaN and loses digits of 64-bit integers.
  const answer = parseJson(await readBytes(body)) as unknown as InferAnswer
  return rows.map((_, row) => {
    const scored: Record<string, unknown> = {}
    for (const { name: output, data } of answer.outputs) {
      const width = data.length / rows.length
      if (!Number.isInteger(width))
        throw new Refusal(
          `output '${output}' has ${data.length} values, which are not divided among ${rows.length} rows`,
        )
      if (width === 1) scored[output] = data[row]
      else for (let column = 0; column < width; column++) scored[`${output}.${column}`] = data[row * width + column]
    }
    return scored
  })
}

const csvCell = (value: unknown): string => {
  const text = String(value)
  return /[",\r\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text
}

const jsonLine = (row: Readonly<Record<string, unknown>>): string =>
  `{${Object.entries(row)
    .map(([name, value]) => `${JSON.stringify(name)}:${exactJson(value)}`)
    .join(',')}}`

/** Fractions are shortened; whole numbers are labels and keys, and keep their digits. */
const tableCell = (value: unknown): string =>
  typeof value === 'number' && !Number.isInteger(value) ? String(Number(value.toPrecision(6))) : String(value)

const render = (rows: readonly Readonly<Record<string, unknown>>[], output: string): string => {
  const columns = Object.keys(rows[0] ?? {})
  if (output === 'json') return `${rows.map(jsonLine).join('\n')}\n`
  if (output === 'csv')
    return `${[columns, ...rows.map((row) => columns.map((column) => row[column]))].map((cells) => cells.map(csvCell).join(',')).join('\n')}\n`
  return table(
    columns,
    rows.map((row) => columns.map((column) => tableCell(row[column]))),
  )
}
