import type { ItemOf, PagedOperation } from '../client/index.ts'
import type { KeyValue, MetricValue, PageQuery, RegistryInput, ViewName } from '../protocol/index.ts'
import type { ActionArgs } from './action-command.ts'
import type { Flag } from './command.ts'
import { UsageError } from './command.ts'

export const listingFlags: readonly Flag[] = [
  { name: 'filter', value: 'FILTER', doc: "MLflow's search language, with OR, NOT and parentheses" },
  { name: 'order-by', value: 'KEY', doc: 'for example "metrics.auc DESC"; several with commas' },
  { name: 'limit', value: 'N', doc: 'rows at most', default: '100' },
]

/** Of what can be deleted and restored. */
export const deletedFlag: Flag = { name: 'deleted', doc: 'list those that are deleted instead' }

/** Which ones a listing is of. */
export const listedView = (args: ActionArgs): { readonly view: ViewName } => ({
  view: args.isSet('deleted') ? 'deleted' : 'active',
})

/** Most rows that one command prints. */
const rowsMax = 100_000

const rowLimit = (args: ActionArgs): number => {
  const text = args.text('limit') ?? '100'
  const limit = Number(text)
  if (!/^\d+$/.test(text) || limit < 1 || limit > rowsMax)
    throw new UsageError(`--limit '${text}' is not a number from 1 to ${rowsMax}`)
  return limit
}

/** Items of a page, where a server gives so many at most. */
export const pageLimit = (args: ActionArgs, most: number): number => Math.min(rowLimit(args), most)

/** What the flags of a listing ask for. */
export const listingQuery = (args: ActionArgs): PageQuery => {
  const filter = args.text('filter')
  const orderBy = args.text('order-by')
  return {
    limit: pageLimit(args, 1000),
    ...(filter === undefined ? {} : { filter }),
    ...(orderBy === undefined ? {} : { orderBy: orderBy.split(',').map((key) => key.trim()) }),
  }
}

/** The rows of a search, at most as many as --limit says. */
export const listRows = async <Name extends PagedOperation>(
  args: ActionArgs,
  name: Name,
  input: RegistryInput<Name>,
): Promise<ItemOf<Name>[]> => {
  const limit = rowLimit(args)
  const rows: ItemOf<Name>[] = []
  for await (const row of args.api.each(name, input)) {
    rows.push(row)
    if (rows.length === limit) break
  }
  return rows
}

/** `2026-11-24 10:31`, in UTC. */
export const timeText = (unixMs: number | undefined): string =>
  unixMs === undefined ? '' : new Date(unixMs).toISOString().slice(0, 16).replace('T', ' ')

export const metricText = (value: MetricValue): string =>
  typeof value === 'number' ? String(Number(value.toPrecision(6))) : value

export const tagsText = (tags: readonly KeyValue[]): string =>
  tags
    .filter(({ key }) => !key.startsWith('mlflow.'))
    .map(({ key, value }) => `${key}=${value}`)
    .join(' ')
