import type { ActionArgs } from '../action-command.ts'
import { soleActionCommand } from '../action-command.ts'
import { aliasChangesText, refusedMovesText } from '../alias-changes.ts'
import type { Command, Flag } from '../command.ts'
import { Refusal, UsageError } from '../command.ts'
import { aliasHistory } from '../model-record-actions.ts'

const flags: readonly Flag[] = [
  { name: 'alias', value: 'ALIAS', doc: 'the history of an alias of the registered model of this name instead' },
  { name: 'refused', doc: 'the moves that were refused instead, and why' },
]

/** Says of a registered model, taken for an endpoint, where its history is; undefined of any other name. */
const noEndpoint = async ({ api }: ActionArgs, name: string): Promise<Refusal | undefined> => {
  const model = await api.registeredModels.get({ name }).catch(() => undefined)
  if (model === undefined) return undefined
  const { items } = await api.endpoints.list({})
  const followers = items.filter((endpoint) => endpoint.model === name).map((endpoint) => endpoint.name)
  if (followers.includes(name)) return undefined
  const followed = followers.length === 0 ? '' : `, which ${followers.join(', ')} follows`
  return new Refusal(
    `there is no endpoint '${name}', but a registered model${followed}; slipway history ${name} --alias ALIAS tells of an alias`,
    'resource_missing',
  )
}

/** What an endpoint served when, and who changed it why. */
export const history: Command = soleActionCommand(
  {
    form: 'history ENDPOINT',
    doc: 'every move of the alias that an endpoint follows: when, from which version to which, who and why',
    async run(args) {
      const [name = ''] = args.words
      const alias = args.text('alias')
      if (alias !== undefined && args.isSet('refused'))
        throw new UsageError('--refused goes with an endpoint, not with --alias')
      if (alias !== undefined) return aliasHistory(args, name, alias)
      if (args.isSet('refused')) {
        const { items } = await args.api.endpoints.refusals({ name })
        return { value: items, text: items.length === 0 ? `no move of ${name} was refused\n` : refusedMovesText(items) }
      }
      const { items } = await args.api.endpoints.history({ name }).catch(async (error: unknown) => {
        throw (await noEndpoint(args, name)) ?? error
      })
      return { value: items, text: aliasChangesText(items) }
    },
  },
  {
    flags,
    examples: [
      'slipway history fraud',
      'slipway history fraud --refused',
      'slipway history fraud --alias challenger --json',
    ],
  },
)
