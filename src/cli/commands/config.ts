import { loadConfig } from '../../app/config/load-config.ts'
import { configReference, describeConfig, showConfig } from '../../app/config/show-config.ts'
import { didYouMean } from '../../lib/index.ts'
import type { Command } from '../command.ts'
import { UsageError } from '../command.ts'
import { table } from '../table.ts'

const actions = ['print', 'check', 'docs']

/** Shows what the server would run with. */
export const config: Command = {
  usage: 'print|check|docs [FLAGS OF slipway up] [--json]',
  words: [
    ['print', 'every option with its value and where it comes from; secrets are masked'],
    ['check', 'exit 0 when the configuration is right, 2 with every problem otherwise'],
    ['docs', 'the reference of all options, as Markdown'],
  ],
  flags: [{ name: 'json', doc: 'output for programs' }],
  examples: ['slipway config print --port 9000', 'SLIPWAY_HTTP_PORT=9000 slipway config check', 'slipway config docs'],
  run(context) {
    const json = context.args.includes('--json')
    const [what, ...args] = context.args.filter((arg) => arg !== '--json')
    switch (what) {
      case 'print': {
        const shown = showConfig(loadConfig({ ...context, args }))
        const rows = (): string[][] => shown.map((row) => [row.path, String(row.value), row.source])
        context.out(json ? `${JSON.stringify(shown)}\n` : table(['option', 'value', 'from'], rows()))
        break
      }
      case 'check':
        loadConfig({ ...context, args })
        context.out(json ? '{"ok":true}\n' : 'the configuration is right\n')
        break
      case 'docs':
        if (args[0] !== undefined) throw new UsageError(`unexpected '${args[0]}'`)
        context.out(json ? `${JSON.stringify(describeConfig())}\n` : configReference())
        break
      case undefined:
        throw new UsageError(`one of ${actions.join(', ')} is missing`)
      default:
        throw new UsageError(`'${what}' is not one of ${actions.join(', ')}${didYouMean(what, actions)}`)
    }
    return Promise.resolve(0)
  },
}
