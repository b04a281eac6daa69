import type { SlipwayClient } from '../client/index.ts'
import type { ModelVersionView, RegisteredModelView } from '../protocol/index.ts'
import type { Action, Shown } from './action-command.ts'
import type { Flag } from './command.ts'
import { UsageError } from './command.ts'
import { listingFlags, listingQuery, listRows, tagsText, timeText } from './listing.ts'
import { modelChangeActions } from './model-change-actions.ts'
import { auditFlags, modelRecordActions } from './model-record-actions.ts'
import { printableLine } from './printable.ts'
import { promotionActions, reasonOf } from './promotion-actions.ts'
import { table } from './table.ts'

export const registeredModelFlags: readonly Flag[] = [
  ...listingFlags,
  { name: 'reason', value: 'TEXT', doc: 'why; kept in the history' },
  ...auditFlags,
]

const quoted = (name: string): string => {
  if (name.includes("'")) throw new UsageError(`a model's name has no quotes: ${name}`)
  return `'${name}'`
}

const modelRow = (model: RegisteredModelView): string[] => [
  model.name,
  String(Math.max(0, ...model.latestVersions.map(({ version }) => version))),
  model.aliases.map(({ alias, version }) => `@${alias}→${version}`).join(' '),
  timeText(model.lastUpdatedTime),
  tagsText(model.tags),
]

const versionRow = (version: ModelVersionView): string[] => [
  String(version.version),
  version.aliases.map((alias) => `@${alias}`).join(' '),
  version.stage === 'None' ? '' : version.stage,
  version.source,
  timeText(version.creationTime),
  tagsText(version.tags),
]

const promptTag = 'mlflow.prompt.is_prompt'
const isPrompt = ({ tags }: RegisteredModelView): boolean =>
  tags.some(({ key, value }) => key === promptTag && value === 'true')

/** Versions of a model; searches leave out those of prompts unless they speak of them. */
const versionsOf = (name: string, ofPrompt = false): string =>
  `name = ${quoted(name)}${ofPrompt ? ` AND tags.\`${promptTag}\` = 'true'` : ''}`

const versionHead = ['version', 'aliases', 'stage', 'source', 'created', 'tags']
/** Versions that are shown with their model. */
const versionsShown = 100

/** A registered model with its newest versions. Throws SlipwayError when there is none. */
export const showRegistered = async (api: SlipwayClient, name: string): Promise<Shown> => {
  const model = await api.registeredModels.get({ name })
  const { items: versions } = await api.modelVersions.search({
    filter: versionsOf(name, isPrompt(model)),
    orderBy: ['version_number DESC'],
    limit: versionsShown,
  })
  const [newest] = versions
  const what = isPrompt(model) ? 'is a prompt' : 'is registered, and nothing of this name is served'
  const lines = [
    `${printableLine(name)}  ${what}`,
    ...(model.description === '' ? [] : [`  ${printableLine(model.description)}`]),
    ...model.tags.map(({ key, value }) => `  ${printableLine(key)}: ${printableLine(value)}`),
    newest === undefined ? '  it has no versions' : table(versionHead, versions.map(versionRow)).trimEnd(),
  ]
  if (newest !== undefined && !isPrompt(model))
    lines.push(
      `slipway deploy models:/${encodeURIComponent(name)}/${newest.version} --name NAME serves version ${newest.version}`,
    )
  return { value: { ...model, versions }, text: `${lines.join('\n')}\n` }
}

/** What `slipway models` does with registered models. */
export const registeredModelActions: readonly Action[] = [
  {
    form: 'registered',
    doc: 'registered models with their aliases',
    async run(args) {
      const value = await listRows(args, 'registeredModels.search', listingQuery(args))
      return { value, text: table(['model', 'newest', 'aliases', 'updated', 'tags'], value.map(modelRow)) }
    },
  },
  {
    form: 'versions NAME',
    doc: 'versions of a registered model, the newest first',
    async run(args) {
      const [name = ''] = args.words
      const query = { orderBy: ['version_number DESC'], ...listingQuery(args) }
      const list = (filter: string): Promise<ModelVersionView[]> =>
        listRows(args, 'modelVersions.search', { ...query, filter })
      let value = await list(versionsOf(name))
      // A model without versions is one; what isn't registered is refused.
      if (value.length === 0 && isPrompt(await args.api.registeredModels.get({ name })))
        value = await list(versionsOf(name, true))
      return { value, text: table(versionHead, value.map(versionRow)) }
    },
  },
  {
    form: 'register NAME SOURCE',
    doc: 'the next version, of runs:/RUN/PATH, models:/m-ID or models:/NAME/VERSION; a new name makes the model',
    async run({ api, words: [name = '', source = ''] }) {
      await api.registeredModels.create({ name }).catch((error: unknown) => {
        if ((error as { readonly code?: string }).code !== 'resource_exists') throw error
      })
      const value = await api.modelVersions.create({ name, source })
      return { value, text: `${name} version ${value.version} is registered\n` }
    },
  },
  {
    form: 'alias NAME ALIAS VERSION',
    doc: 'point an alias at a version; one that exists moves',
    async run({ api, text, words: [name = '', alias = '', version = ''] }) {
      const value = await api.registeredModels.setAlias({ name, alias, version, ...reasonOf(text('reason')) })
      return { value, text: `models:/${name}@${alias} is version ${value.version}\n` }
    },
  },
  {
    form: 'unalias NAME ALIAS',
    doc: 'delete an alias',
    async run({ api, text, words: [name = '', alias = ''] }) {
      await api.registeredModels.deleteAlias({ name, alias, ...reasonOf(text('reason')) })
      return { value: { deleted: alias }, text: `models:/${name}@${alias} is deleted\n` }
    },
  },
  {
    form: 'stage NAME VERSION STAGE',
    doc: 'move a version to None, Staging, Production or Archived (stages are deprecated; use aliases)',
    async run({ api, text, words: [name = '', version = '', given = ''] }) {
      const stages = ['None', 'Staging', 'Production', 'Archived'] as const
      const stage = stages.find((each) => each.toLowerCase() === given.toLowerCase())
      if (stage === undefined) throw new UsageError(`'${given}' is not one of ${stages.join(', ')}`)
      const value = await api.modelVersions.move({ name, version, stage, ...reasonOf(text('reason')) })
      return { value, text: `${name} version ${value.version} is in ${value.stage}\n` }
    },
  },
  ...modelChangeActions,
  ...modelRecordActions,
  ...promotionActions,
  {
    form: 'unregister NAME [VERSION]',
    doc: 'delete a version of a registered model, or the model with all of them',
    async run({ api, text, words: [name = '', version] }) {
      const why = reasonOf(text('reason'))
      if (version === undefined) await api.registeredModels.delete({ name, ...why })
      else await api.modelVersions.delete({ name, version, ...why })
      const what = version === undefined ? name : `${name} version ${version}`
      return { value: { deleted: what }, text: `${what} is deleted\n` }
    },
  },
]
