import { didYouMean } from '../../lib/index.ts'
import type { Given, GivenValues } from './given.ts'
import type { NamedOption } from './option-list.ts'
import { optionList } from './option-list.ts'

const byFlag: ReadonlyMap<string, NamedOption> = new Map(
  optionList.flatMap((named) => named.flags.map((flag) => [flag, named])),
)

/** Reads the flags of the server: `--port 9000`, `--port=9000`, `--http.reuse-port`, `--no-http.reuse-port`; lists repeat. */
export const readFlags = (args: readonly string[]): GivenValues => {
  const values: Given[] = []
  const problems: string[] = []
  const lists = new Map<string, { readonly source: string; readonly raw: string[] }>()
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? ''
    const equals = arg.indexOf('=')
    const flag = equals < 0 ? arg : arg.slice(0, equals)
    const negated = flag.startsWith('--no-') ? byFlag.get(`--${flag.slice('--no-'.length)}`) : undefined
    const named = byFlag.get(flag)
    if (negated?.option.type === 'boolean') {
      values.push({ path: negated.path, raw: false, source: flag })
      continue
    }
    if (named === undefined) {
      problems.push(unknown(arg, flag))
      continue
    }
    if (named.option.type === 'boolean' && equals < 0) {
      values.push({ path: named.path, raw: true, source: flag })
      continue
    }
    const raw = equals < 0 ? args[++i] : arg.slice(equals + 1)
    if (raw === undefined) problems.push(`${flag} needs a value`)
    else if (named.option.type === 'list') {
      const list = lists.get(named.path) ?? { source: flag, raw: [] }
      list.raw.push(...raw.split(','))
      lists.set(named.path, list)
    } else values.push({ path: named.path, raw, source: flag })
  }
  for (const [path, { raw, source }] of lists) values.push({ path, raw, source })
  return { values, problems }
}

const unknown = (arg: string, flag: string): string =>
  arg.startsWith('-') ? `unknown flag ${flag}${didYouMean(flag, [...byFlag.keys()])}` : `unexpected '${arg}'`
