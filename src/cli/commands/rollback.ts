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
      // A version that was named may never have served.
      const back = version === undefined ? `version ${now} again` : `version ${now}`
      await requireServed(client, [name], { version: now, done: `${name} stands for ${back}` })
      return { value, text: `${name} serves ${back}\n` }
    },
  },
  { flags, examples: ['slipway rollback fraud', 'slipway rollback fraud --to 2 --reason "too many alarms"'] },
)
