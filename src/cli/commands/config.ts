import { loadConfig } from '../../app/config/load-config.ts'
import { configReference, showConfig } from '../../app/config/show-config.ts'
import type { Command } from '../command.ts'
import { UsageError } from '../command.ts'
import { table } from '../table.ts'

/** Shows what the server would run with. */
export const config: Command = {
  usage: 'print|check|docs [SERVER OPTIONS] [--json]',
  options: [
    ['print', 'every option with its value and where it comes from; secrets are masked'],
    ['check', 'exit 0 when the configuration is right, 2 with every problem otherwise'],
    ['docs', 'the reference of all options, as Markdown'],
  ],
  examples: ['slipway config print --port 9000', 'SLIPWAY_PORT=9000 slipway config check', 'slipway config docs'],
  run(context) {
    const [what, ...rest] = context.args
    const args = rest.filter((arg) => arg !== '--json')
    switch (what) {
      case 'print': {
        const shown = showConfig(loadConfig({ ...context, args }))
        if (rest.includes('--json')) context.out(`${JSON.stringify(shown)}\n`)
        else
          context.out(
            table(
              ['option', 'value', 'from'],
              shown.map((row) => [row.path, String(row.value), row.source]),
            ),
          )
        return Promise.resolve(0)
      }
      case 'check':
        loadConfig({ ...context, args })
        context.out('the configuration is right\n')
        return Promise.resolve(0)
      case 'docs':
        context.out(configReference())
        return Promise.resolve(0)
      default:
        throw new UsageError(`'${what ?? ''}' is not one of print, check, docs`)
    }
  },
}
