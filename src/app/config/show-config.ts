import type { OptionValue } from '../../lib/index.ts'
import type { LoadedConfig } from './load-config.ts'
import { optionList } from './option-list.ts'
import { defaultText } from './option-text.ts'

export interface ShownOption {
  readonly path: string
  readonly value: OptionValue
  readonly source: string
}

/** The configuration in effect, with where each value comes from; secrets are masked. */
export const showConfig = ({ config, sources }: LoadedConfig): ShownOption[] =>
  optionList.map(({ module, name, path, option }) => {
    const value = (config as unknown as Record<string, Record<string, OptionValue>>)[module]?.[name] ?? ''
    const shown = option.secret === true && String(value) !== '' ? '***' : value
    return { path, value: shown, source: sources.get(path) ?? 'default' }
  })

export interface DescribedOption {
  readonly path: string
  readonly variable: string
  readonly flags: readonly string[]
  readonly type: string
  readonly values?: readonly string[]
  readonly default: string
  readonly doc: string
}

/** Every option there is, for programs. */
export const describeConfig = (): DescribedOption[] =>
  optionList.map((named) => ({
    path: named.path,
    variable: named.variable,
    flags: named.flags,
    type: named.option.type,
    ...(named.option.type === 'enum' ? { values: named.option.values } : {}),
    default: defaultText(named),
    doc: named.option.doc,
  }))

/** docs/reference/configuration.md. */
export const configReference = (): string => {
  const rows = optionList.map((named) => {
    const values =
      named.option.type === 'enum'
        ? ` One of ${named.option.values
            .filter((value) => value !== '')
            .map((value) => `\`${value}\``)
            .join(', ')}.`
        : ''
    const flags = named.flags.map((flag) => `\`${flag}\``).join('<br>')
    return `| \`${named.path}\`<br>\`${named.variable}\`<br>${flags} | ${named.option.type} | ${defaultText(named) || '(none)'} | ${named.option.doc}${values} |`
  })
  return [
    '# Configuration',
    '',
    'Every option has a key in `slipway.yaml` (in the working directory, or named by `--config`), a variable and a flag. The variable is the key in capitals, `SLIPWAY_HTTP_PORT` for `http.port`. Flags win over variables, variables over the file, the file over the defaults. All mistakes are reported at once. Durations are written as `250ms`, `10s`, `5m` or `2h`; sizes as `64MiB` or `1GB`; lists with commas, or by repeating the flag.',
    '',
    '| option | type | default | meaning |',
    '| --- | --- | --- | --- |',
    ...rows,
    '',
  ].join('\n')
}
