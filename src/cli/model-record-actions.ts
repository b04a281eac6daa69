import { didYouMean } from '../lib/index.ts'
import type { AliasChangeView, AuditEventView, SignatureStateView } from '../protocol/index.ts'
import type { Action, ActionArgs, Shown } from './action-command.ts'
import { aliasChangesText } from './alias-changes.ts'
import type { Flag } from './command.ts'
import { Refusal } from './command.ts'
import { listRows, pageLimit, timeText } from './listing.ts'
import { table } from './table.ts'
import { timeOf } from './time-of.ts'

export const auditFlags: readonly Flag[] = [
  { name: 'kind', value: 'KIND', doc: 'audit: only events of a kind, for example model_version_alias.created' },
  { name: 'actor', value: 'NAME', doc: 'audit: only what somebody did' },
  { name: 'from', value: 'TIME', doc: 'audit: from then on; 2026-11-24, 2026-11-24T10:31 (UTC) or Unix ms' },
  { name: 'to', value: 'TIME', doc: 'audit: up to then' },
]

/** Every move of an alias. Throws Refusal when the model has no such alias and never had. */
export const aliasHistory = async ({ api }: ActionArgs, name: string, alias: string): Promise<Shown> => {
  const { items } = await api.registeredModels.aliasHistory({ name, alias })
  if (items.length === 0) throw await noAlias(api, name, alias)
  return { value: items, text: aliasChangesText(items) }
}

/** A model that is gone has a history too, and no aliases to suggest. */
const noAlias = async (api: ActionArgs['api'], name: string, alias: string): Promise<Refusal> => {
  const aliases = await api.registeredModels.get({ name }).then(
    (model) => model.aliases.map((each) => each.alias),
    () => [],
  )
  const has = aliases.length === 0 ? '' : `; it has ${aliases.map((each) => `@${each}`).join(', ')}`
  const hint = didYouMean(alias, aliases)
  return new Refusal(`${name} has no alias '${alias}' and never had one${has}${hint}`, 'resource_missing')
}

/** What an event says beside its model's name, on one line. */
const detailsText = ({ details }: AuditEventView): string =>
  Object.entries(details)
    .filter(([key, value]) => key !== 'name' && value !== '' && value !== null && JSON.stringify(value) !== '[]')
    .map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' ')

const auditRow = (event: AuditEventView): string[] => [
  timeText(event.time),
  event.actor,
  event.kind,
  `${event.subject.type.replace('_', ' ')} ${event.subject.name ?? event.subject.id}`,
  event.reason ?? '',
  detailsText(event),
]

const auditOf = async (args: ActionArgs): Promise<readonly AuditEventView[]> => {
  const [model] = args.words
  const text = (name: string): Readonly<Record<string, string>> => {
    const value = args.text(name)
    return value === undefined ? {} : { [name]: value }
  }
  const time = (name: string): Readonly<Record<string, number>> => {
    const value = args.text(name)
    return value === undefined ? {} : { [name]: timeOf(value, `--${name}`) }
  }
  const named = model === undefined ? {} : { model }
  const query = { ...named, ...text('kind'), ...text('actor'), ...time('from'), ...time('to') }
  const items = await listRows(args, 'audit.search', { ...query, limit: pageLimit(args, 1000) })
  if (items.length > 0 || model === undefined) return items
  // Nothing may be what the flags leave; a model that never was has nothing whatever they say.
  const { items: all } = await args.api.audit.search({ model, limit: 1 })
  if (all.length === 0) await args.api.registeredModels.get({ name: model })
  return items
}

const aliasAtText = (alias: string, at: string, found: { version?: number; since?: AliasChangeView }): string => {
  const { version, since } = found
  if (version === undefined || since === undefined) return `${alias} named no version at ${at}\n`
  const why = since.reason === undefined ? '' : `: ${since.reason}`
  return `${alias} was version ${version} at ${at}, since ${timeText(since.time)} by ${since.actor}${why}\n`
}

const signatureText = ({ state, signer, reason, checkedTime }: SignatureStateView): string => {
  const by = signer === undefined ? '' : ` by ${signer}`
  const why = reason === undefined ? '' : `: ${reason}`
  const when = checkedTime === undefined ? '' : ` (looked at ${timeText(checkedTime)})`
  return `${state === 'verified' ? `signature verified${by}` : `signature ${state}`}${why}${when}`
}

/** What `slipway models` tells of what was done to registered models, by whom and why. */
export const modelRecordActions: readonly Action[] = [
  {
    form: 'audit [NAME]',
    doc: 'everything that was changed in the registry, or of one model with its versions, the newest first',
    async run(args) {
      const value = await auditOf(args)
      return { value, text: table(['time', 'who', 'what', 'of', 'why', 'details'], value.map(auditRow)) }
    },
  },
  {
    form: 'history NAME ALIAS',
    doc: 'every move of an alias: when, from which version to which, who and why',
    run: (args) => aliasHistory(args, args.words[0] ?? '', args.words[1] ?? ''),
  },
  {
    form: 'alias-at NAME ALIAS TIME',
    doc: 'the version that an alias named at a time: 2026-11-24, 2026-11-24T10:31 (UTC) or Unix ms',
    async run(args) {
      const [name = '', alias = '', at = ''] = args.words
      const value = await args.api.registeredModels.aliasAt({ name, alias, time: timeOf(at, 'TIME') })
      // None then is an answer; one that never was is a slip.
      if (value.version === undefined) await aliasHistory(args, name, alias)
      return { value, text: aliasAtText(`models:/${name}@${alias}`, at, value) }
    },
  },
  {
    form: 'stages NAME VERSION',
    doc: 'every stage that a version was in: when, who and why',
    async run({ api, words: [name = '', version = ''] }) {
      const { items } = await api.modelVersions.stageHistory({ name, version })
      if (items.length === 0) await api.modelVersions.get({ name, version })
      const rows = items.map((change) => [
        timeText(change.time),
        change.stageBefore ?? '(none)',
        change.stage ?? '(deleted)',
        change.actor,
        change.reason ?? '',
      ])
      return { value: items, text: table(['time', 'from', 'to', 'who', 'why'], rows) }
    },
  },
  {
    form: 'decisions NAME VERSION',
    doc: 'who approved or rejected a version, when and why',
    async run({ api, words: [name = '', version = ''] }) {
      const { items } = await api.promotion.decisions({ name, version })
      const rows = items.map((each) => [timeText(each.time), each.person, each.decision, each.reason])
      const none = `nobody has decided on ${name} version ${version}\n`
      return { value: items, text: items.length === 0 ? none : table(['time', 'who', 'decision', 'why'], rows) }
    },
  },
  {
    form: 'signature NAME VERSION',
    doc: "what is known of a version's OpenSSF model signature",
    async run({ api, words: [name = '', version = ''] }) {
      const value = await api.modelVersions.signature({ name, version })
      return { value, text: `${name} version ${version}: ${signatureText(value)}\n` }
    },
  },
]
