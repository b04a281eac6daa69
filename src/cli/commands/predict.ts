import { readFileSync } from 'node:fs'
import type { ModelView, VersionView } from '../../api/index.ts'
import { apiRoot } from '../../protocol/index.ts'
import type { ClientArgs } from '../client-options.ts'
import { clientArgs, commonOptions, onePositional } from '../client-options.ts'
import type { Command, CommandContext } from '../command.ts'
import { Refusal, UsageError } from '../command.ts'
import { inputsOfRecords } from '../model-inputs.ts'
import type { RecordFormat, Records } from '../records.ts'
import { formatOf, readRecords } from '../records.ts'
import { table } from '../table.ts'

/** Rows sent in one request, unless --batch says otherwise. */
const batchRowsDefault = 1000

interface InferAnswer {
  readonly outputs: readonly {
    readonly name: string
    readonly shape: readonly number[]
    readonly data: readonly unknown[]
  }[]
}

/** Scores the rows of a file. */
export const predict: Command = {
  usage: 'NAME [--input FILE|-] [--output table|json|csv]',
  options: [
    ['--input FILE', 'JSON (objects, or one a line), CSV or Parquet; - or nothing reads standard input'],
    ['--format FORMAT', 'json, csv or parquet, when the name of the file does not say'],
    ['--output FORMAT', 'table, json (one object a line) or csv; table when left out'],
    ['--version N', 'a version of the model instead of the newest'],
    ['--batch ROWS', `rows a request; ${batchRowsDefault} when left out`],
    ['--limit ROWS', 'score only the first rows'],
    ...commonOptions,
  ],
  examples: [
    'slipway predict fraud --input transactions.csv',
    'slipway predict fraud --input transactions.parquet --output csv > scores.csv',
    `echo '{"amount": 7.5}' | slipway predict rules`,
  ],
  async run(context) {
    const args = clientArgs(context, {
      input: { type: 'string' },
      format: { type: 'string' },
      output: { type: 'string' },
      version: { type: 'string' },
      batch: { type: 'string' },
      limit: { type: 'string' },
    })
    const name = onePositional(args, 'the name of the model')
    const output = args.json ? 'json' : (args.text('output') ?? 'table')
    if (!['table', 'json', 'csv'].includes(output))
      throw new UsageError(`--output '${output}' is not one of table, json, csv`)
    const batchRows = wholeNumber(args, 'batch') ?? batchRowsDefault
    const version = await versionOf(args, name)
    const all = await readInput(context, args)
    const records = all.slice(0, wholeNumber(args, 'limit') ?? all.length)
    if (records.length === 0) throw new Refusal('the input has no rows')
    const scored: Readonly<Record<string, unknown>>[] = []
    for (let start = 0; start < records.length; start += batchRows) {
      const rows = records.slice(start, start + batchRows)
      scored.push(...(await score(args, { name, version, rows })))
      if (context.terminal) context.err(`\r${Math.min(start + batchRows, records.length)} of ${records.length} rows`)
    }
    if (context.terminal) context.err('\r\u001b[K')
    context.out(render(scored, output))
    return 0
  },
}

const wholeNumber = (args: ClientArgs, name: string): number | undefined => {
  const text = args.text(name)
  if (text === undefined) return undefined
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1)
    throw new UsageError(`--${name} must be a whole number from 1, not '${text}'`)
  return value
}

const versionOf = async (args: ClientArgs, name: string): Promise<VersionView> => {
  const model = await args.client.json<ModelView>({
    method: 'GET',
    path: `${apiRoot}/models/${encodeURIComponent(name)}`,
  })
  const wanted = args.text('version')
  const found = model.versions.findLast((version) =>
    wanted === undefined ? version.state === 'ready' : version.version === wanted,
  )
  if (found?.state !== 'ready') {
    throw new Refusal(
      `model '${name}'${wanted === undefined ? '' : ` version ${wanted}`} is not ready${found === undefined ? '' : `: ${found.reason}`}`,
      'model_not_ready',
    )
  }
  return found
}

const readInput = async (context: CommandContext, args: ClientArgs): Promise<Records> => {
  const path = args.text('input') ?? '-'
  const given = args.text('format')
  if (given !== undefined && given !== 'json' && given !== 'csv' && given !== 'parquet')
    throw new UsageError(`--format '${given}' is not one of json, csv, parquet`)
  const format: RecordFormat | undefined = given ?? (path === '-' ? 'json' : formatOf(path))
  if (format === undefined) throw new UsageError(`'${path}' doesn't say its format; add --format json, csv or parquet`)
  if (path === '-') return readRecords(await context.input(), format)
  try {
    return await readRecords(readFileSync(path), format)
  } catch (error) {
    if (error instanceof Refusal) throw error
    throw new Refusal(`'${path}' can't be read: ${error instanceof Error ? error.message : String(error)}`)
  }
}

const score = async (
  args: ClientArgs,
  { name, version, rows }: { readonly name: string; readonly version: VersionView; readonly rows: Records },
): Promise<Readonly<Record<string, unknown>>[]> => {
  const inputs = inputsOfRecords(rows, version)
  const answer = await args.client.json<InferAnswer>({
    method: 'POST',
    path: `/v2/models/${encodeURIComponent(name)}/versions/${version.version}/infer`,
    body: JSON.stringify({ inputs }),
  })
  return rows.map((_, row) => {
    const scored: Record<string, unknown> = {}
    for (const { name: output, data } of answer.outputs) {
      const width = data.length / rows.length
      if (width === 1) scored[output] = data[row]
      else for (let column = 0; column < width; column++) scored[`${output}.${column}`] = data[row * width + column]
    }
    return scored
  })
}

const csvCell = (value: unknown): string => {
  const text = String(value)
  return /[",\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text
}

const render = (rows: readonly Readonly<Record<string, unknown>>[], output: string): string => {
  const columns = Object.keys(rows[0] ?? {})
  if (output === 'json') return `${rows.map((row) => JSON.stringify(row)).join('\n')}\n`
  if (output === 'csv')
    return `${[columns, ...rows.map((row) => columns.map((column) => row[column]))].map((cells) => cells.map(csvCell).join(',')).join('\n')}\n`
  return table(
    columns,
    rows.map((row) =>
      columns.map((column) =>
        typeof row[column] === 'number' ? String(Number(row[column].toPrecision(6))) : String(row[column]),
      ),
    ),
  )
}
