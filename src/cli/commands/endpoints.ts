import type { EndpointView } from '../../protocol/index.ts'
import type { Action } from '../action-command.ts'
import { actionCommand } from '../action-command.ts'
import type { Command } from '../command.ts'
import { timeText } from '../listing.ts'
import { table } from '../table.ts'

const row = ({ name, reference, version, createdBy, createdTime }: EndpointView): string[] => [
  name,
  reference,
  String(version ?? ''),
  timeText(createdTime),
  createdBy,
]

const head = ['endpoint', 'follows', 'version', 'made', 'by']

const actions: readonly Action[] = [
  {
    form: 'ls',
    doc: 'every endpoint with what it follows and the version that it stands for',
    async run({ api }) {
      const { items } = await api.endpoints.list({})
      const none = 'no endpoints; slipway deploy models:/NAME@ALIAS --name NAME makes one\n'
      return { value: items, text: items.length === 0 ? none : table(head, items.map(row)) }
    },
  },
  {
    form: 'show NAME',
    doc: 'one endpoint; slipway models show NAME tells of what serves it',
    async run({ api, words: [name = ''] }) {
      const value = await api.endpoints.get({ name })
      return { value, text: table(head, [row(value)]) }
    },
  },
  {
    form: 'rm NAME',
    doc: 'delete an endpoint; its model stays registered',
    async run({ api, words: [name = ''] }) {
      await api.endpoints.delete({ name })
      return { value: { removed: name }, text: `${name} is removed\n` }
    },
  },
]

/** Lists and removes endpoints; `deploy` makes them. */
export const endpoints: Command = actionCommand(actions, {
  flags: [],
  examples: ['slipway endpoints', 'slipway endpoints rm fraud'],
})
