import type { Command, Flag } from './command.ts'
import type { ListedCommand } from './command-list.ts'
import { commandList } from './command-list.ts'

/** `slipway --help`. */
export const generalHelp = (): string => {
  const groups = [...new Set(commandList.map((command) => command.group))]
  const width = Math.max(...commandList.map((command) => command.name.length))
  const sections = groups.map((group) => {
    const rows = commandList.filter((command) => command.group === group)
    return [`${group}:`, ...rows.map((command) => `  ${command.name.padEnd(width)}  ${command.summary}`)].join('\n')
  })
  return [
    'Slipway serves machine learning models.',
    '',
    'Usage: slipway COMMAND [OPTIONS]',
    '',
    sections.join('\n\n'),
    '',
    "'slipway help COMMAND' tells more of a command. Client commands talk to --server URL",
    '(SLIPWAY_SERVER, default http://127.0.0.1:8080) and take --json for output to be read by programs.',
    '',
  ].join('\n')
}

const flagRow = (flag: Flag): readonly [string, string] => [
  `--${flag.name}${flag.value === undefined ? '' : ` ${flag.value}`}`,
  `${flag.doc}${flag.default === undefined ? '' : ` (default ${flag.default})`}`,
]

/** `slipway help COMMAND`, `slipway COMMAND --help`. */
export const commandHelp = (listed: ListedCommand, command: Command): string => {
  const rows = [...(command.words ?? []), ...command.flags.map(flagRow)]
  const width = Math.max(...rows.map(([form]) => form.length))
  return [
    `slipway ${listed.name}: ${listed.summary}`,
    '',
    `Usage: slipway ${listed.name} ${command.usage}`.trimEnd(),
    '',
    ...rows.map(([form, meaning]) => `  ${form.padEnd(width)}  ${meaning}`),
    '',
    'Examples:',
    ...command.examples.map((example) => `  ${example}`),
    '',
  ].join('\n')
}
