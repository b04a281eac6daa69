import { soleActionCommand } from '../action-command.ts'
import { aliasChangesText } from '../alias-changes.ts'
import type { Command, Flag } from '../command.ts'

const flags: readonly Flag[] = [
  { name: 'alias', value: 'ALIAS', doc: 'the history of an alias of the registered model of this name instead' },
]

/** What an endpoint served when, and who changed it why. */
export const history: Command = soleActionCommand(
  {
    form: 'history ENDPOINT',
    doc: 'every move of the alias that an endpoint follows: when, from which version to which, who and why',
    async run({ api, text, words: [name = ''] }) {
      const alias = text('alias')
      const { items } = await (alias === undefined
        ? api.endpoints.history({ name })
        : api.registeredModels.aliasHistory({ name, alias }))
      return { value: items, text: aliasChangesText(items) }
    },
  },
  { flags, examples: ['slipway history fraud', 'slipway history fraud --alias challenger --json'] },
)
