import { soleActionCommand } from '../action-command.ts'
import type { Command, Flag } from '../command.ts'
import { reasonOf } from '../promotion-actions.ts'
import { requireServed } from '../whether-served.ts'

const flags: readonly Flag[] = [
  { name: 'to', value: 'VERSION', doc: 'the version to go back to', default: 'the one before' },
  { name: 'reason', value: 'TEXT', doc: 'why; kept in the history' },
]

/** Takes the newest move of an endpoint's alias back. */
export const rollback: Command = soleActionCommand(
  {
    form: 'rollback ENDPOINT',
    doc: 'moves the alias that an endpoint follows back to the version before; again, to the one before that',
    async run({ api, client, text, words: [name = ''] }) {
      const version = text('to')
      const value = await api.endpoints.rollback({
        name,
        ...(version !== undefined && { version }),
        ...reasonOf(text('reason')),
      })
      const now = String(value.version ?? '')
      await requireServed(client, [name], { version: now, done: `${name} stands for version ${now} again` })
      return { value, text: `${name} serves version ${now} again\n` }
    },
  },
  { flags, examples: ['slipway rollback fraud', 'slipway rollback fraud --to 2 --reason "too many alarms"'] },
)
