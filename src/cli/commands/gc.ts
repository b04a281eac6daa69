import { SlipwayClient } from '../../client/index.ts'
import type { GarbageItemView, GarbagePageView, RegistryInput } from '../../protocol/index.ts'
import { asking } from '../action-command.ts'
import type { ClientArgs } from '../client-options.ts'
import { clientArgs, commonFlags } from '../client-options.ts'
import type { Command, Flag } from '../command.ts'
import { Refusal, UsageError } from '../command.ts'
import { bytesText } from '../format.ts'
import { printable } from '../printable.ts'
import { table } from '../table.ts'

const flags: readonly Flag[] = [
  { name: 'delete', doc: 'remove it for good; without, only say what would go' },
  { name: 'older-than', value: 'SPAN', doc: 'deleted at least so long ago', default: '30d, or 0 for what is named' },
  { name: 'runs', value: 'IDS', doc: 'only these runs; several with commas' },
  { name: 'logged-models', value: 'IDS', doc: 'only these logged models' },
  { name: 'experiments', value: 'IDS', doc: 'only these experiments, with their runs' },
  { name: 'file-age', value: 'SPAN', doc: 'least age of files that nothing names', default: '1h' },
  { name: 'reason', value: 'TEXT', doc: 'why; kept in the audit' },
  ...commonFlags,
]

const unitMs: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 }

const spanOf = (args: ClientArgs, name: string): number | undefined => {
  const text = args.text(name)
  if (text === undefined) return undefined
  const [, count, unit = ''] = /^(\d{1,9})([smhdw]?)$/.exec(text) ?? []
  const ms = Number(count) * (unit === '' ? 0 : (unitMs[unit] ?? 0))
  if (count === undefined || (unit === '' && Number(count) !== 0) || !Number.isSafeInteger(ms))
    throw new UsageError(`--${name} '${text}' is no span of time such as 30d, 12h or 0`)
  return ms
}

const idsOf = (args: ClientArgs, name: string): readonly string[] | undefined =>
  args
    .text(name)
    ?.split(',')
    .map((id) => id.trim())
    .filter((id) => id !== '')

/** Rows of the table; the sums count everything. */
const rowsMax = 1000
/** Most items of one page, which the server may cut shorter. */
const pageItems = 1000

const givenOf = (args: ClientArgs): RegistryInput<'garbage.plan'> =>
  Object.fromEntries(
    Object.entries({
      olderThanMs: spanOf(args, 'older-than'),
      blobAgeMs: spanOf(args, 'file-age'),
      runIds: idsOf(args, 'runs'),
      loggedModelIds: idsOf(args, 'logged-models'),
      experimentIds: idsOf(args, 'experiments'),
      limit: pageItems,
    }).filter(([, value]) => value !== undefined),
  )

interface Collected {
  readonly deleted: boolean
  readonly items: readonly GarbageItemView[]
  readonly blobsInUse: number
}

/** Every page; what was done stays done when one fails, and the next call goes on. */
const pages = async (
  ask: (pageToken: string | undefined) => Promise<GarbagePageView>,
): Promise<Omit<Collected, 'deleted'>> => {
  const items: GarbageItemView[] = []
  let blobsInUse = 0
  let pageToken: string | undefined
  do {
    const page = await ask(pageToken)
    items.push(...page.items)
    blobsInUse += page.blobsInUse
    pageToken = page.nextPageToken
  } while (pageToken !== undefined)
  return { items, blobsInUse }
}

const namedKinds = [
  ['runIds', 'run'],
  ['loggedModelIds', 'logged_model'],
  ['experimentIds', 'experiment'],
] as const

type Named = Pick<RegistryInput<'garbage.plan'>, (typeof namedKinds)[number][0]>

const namesAny = (named: Named): boolean => namedKinds.some(([field]) => named[field] !== undefined)

/** What was named is there, deleted or not; an id that isn't is mistyped, or went before. */
const requireNamed = (named: Named, items: readonly GarbageItemView[]): void => {
  const missing = namedKinds.flatMap(([field, kind]) => {
    const there = new Set(items.filter((item) => item.kind === kind).map(({ id }) => id))
    return (named[field] ?? []).filter((id) => !there.has(id)).map((id) => `${kind.replace('_', ' ')} '${id}'`)
  })
  if (missing.length === 0) return
  const more = missing.length > missingNamed ? ` and ${missing.length - missingNamed} more` : ''
  const what = `there is no ${missing.slice(0, missingNamed).join(', no ')}${more}`
  throw new Refusal(`${what}; nothing is removed`, 'resource_missing')
}

/** Ids that one refusal names. */
const missingNamed = 10

const plural = (count: number, word: string): string => `${count} ${word}${count === 1 ? '' : 's'}`

const textOf = ({ deleted, items, blobsInUse }: Collected): string => {
  const kept = items.filter(({ verdict }) => verdict === 'kept')
  const gone = items.filter(({ verdict }) => verdict !== 'kept')
  const rows = [...gone, ...kept]
    .slice(0, rowsMax)
    .map((item) => [
      item.kind.replace('_', ' '),
      item.kind === 'blob' ? item.id.slice(0, 16) : item.id,
      item.kind === 'blob' ? '' : item.name,
      item.verdict,
      item.files === 0 ? '' : String(item.files),
      bytesText(item.bytes),
      item.reason,
    ])
  const more = items.length > rowsMax ? `… and ${items.length - rowsMax} more\n` : ''
  // Files of what went are freed as blobs; before, they are those that nothing else names.
  const freed = gone
    .filter(({ kind }) => !deleted || kind === 'blob')
    .reduce((sum, { bytesAlone }) => sum + bytesAlone, 0)
  const sums = `${plural(gone.length, 'item')} ${deleted ? 'gone' : 'would go'}, ${deleted ? '' : 'at least '}${bytesText(freed)} ${deleted ? 'freed' : 'to free'}; ${kept.length} kept; ${plural(blobsInUse, 'stored file')} in use\n`
  const hint = deleted || gone.length === 0 ? '' : 'slipway gc --delete removes them for good\n'
  return `${rows.length === 0 ? '' : table(['what', 'id', 'name', 'verdict', 'files', 'size', 'why'], rows)}${more}${sums}${hint}`
}

/** Shows what garbage collection would remove, and why the rest stays; or removes it. */
export const gc: Command = {
  usage: '[--delete] [--older-than SPAN]',
  flags,
  examples: ['slipway gc', 'slipway gc --delete --older-than 30d', 'slipway gc --delete --runs 0f3a…,77b1…'],
  async run(context) {
    const args = clientArgs(context, flags)
    if (args.positionals[0] !== undefined) throw new UsageError(`unexpected '${args.positionals[0]}'`)
    const { url, key } = args.client
    const api = new SlipwayClient({ url: url.href, ...(key === undefined ? {} : { key }) })
    const given = givenOf(args)
    const reason = args.text('reason')
    const deleted = args.isSet('delete')
    const plan = (pageToken: string | undefined): Promise<GarbagePageView> =>
      api.garbage.plan({ ...given, ...(pageToken === undefined ? {} : { pageToken }) })
    const collect = (pageToken: string | undefined): Promise<GarbagePageView> =>
      api.garbage.collect({
        ...given,
        ...(pageToken === undefined ? {} : { pageToken }),
        ...(reason === undefined ? {} : { reason }),
      })
    const collected = await asking(url, async (): Promise<Collected> => {
      const planned = !deleted || namesAny(given) ? await pages(plan) : undefined
      if (planned !== undefined) requireNamed(given, planned.items)
      return { deleted, ...(deleted || planned === undefined ? await pages(collect) : planned) }
    })
    context.out(printable(args.json ? `${JSON.stringify(collected)}\n` : textOf(collected)))
    return 0
  },
}
