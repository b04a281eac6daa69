import { didYouMean } from '../../lib/index.ts'
import { flagWords, missingValue } from './flag-words.ts'
import type { Given, GivenValues } from './given.ts'
import type { NamedOption } from './option-list.ts'
import { optionList } from './option-list.ts'
import { placeholderOf } from './option-text.ts'

const byFlag: ReadonlyMap<string, NamedOption> = new Map(
  optionList.flatMap((named) => named.flags.map((flag) => [flag, named])),
)

/** Names the configuration file; no option, since the options are read from that file. */
const fileFlag = '--config'

const knownFlags = [...byFlag.keys(), fileFlag]

export interface GivenFlags extends GivenValues {
  /** The configuration file that was named. */
  readonly file: string | undefined
}

/** Reads the flags of the server: `--port 9000`, `--port=9000`, `--http.reuse-port`, `--no-http.reuse-port`; lists repeat. */
export const readFlags = (args: readonly string[]): GivenFlags => {
  const values = new Map<string, Given>()
  const problems: string[] = []
  let file: string | undefined
  for (const word of flagWords(args, takesValue)) {
    if (word.flag === undefined) {
      problems.push(`unexpected '${word.word}'`)
    } else if (word.flag === fileFlag) {
      if (file !== undefined) problems.push(`${fileFlag} is given twice`)
      else if (word.value === undefined || word.value === '') problems.push(missingValue(fileFlag, 'FILE'))
      else file = word.value
    } else {
      const given = givenBy(word.flag, word.value)
      const problem = typeof given === 'string' ? given : keep(values, given)
      if (problem !== undefined) problems.push(problem)
    }
  }
  return { values: [...values.values()], problems, file }
}

const takesValue = (flag: string): boolean => {
  const type = byFlag.get(flag)?.option.type
  return flag === fileFlag || (type !== undefined && type !== 'boolean')
}

/** What a flag gives, or what is wrong with it. */
const givenBy = (flag: string, value: string | undefined): Given | string => {
  const negated = flag.startsWith('--no-') ? byFlag.get(`--${flag.slice('--no-'.length)}`) : undefined
  if (negated?.option.type === 'boolean') {
    return value === undefined ? { path: negated.path, raw: false, source: flag } : `${flag} takes no value`
  }
  const named = byFlag.get(flag)
  if (named === undefined) return `unknown flag ${flag}${didYouMean(flag, knownFlags)}`
  const { path, option } = named
  if (option.type === 'boolean') return { path, raw: value ?? true, source: flag }
  if (value === undefined) return missingValue(flag, placeholderOf(named))
  return { path, raw: option.type === 'list' ? value.split(',') : value, source: flag }
}

/** Keeps a value; that of a list joins the earlier ones, any other may stand once. */
const keep = (values: Map<string, Given>, given: Given): string | undefined => {
  const earlier = values.get(given.path)
  if (earlier === undefined) {
    values.set(given.path, given)
  } else if (Array.isArray(earlier.raw) && Array.isArray(given.raw)) {
    values.set(given.path, { ...earlier, raw: [...(earlier.raw as string[]), ...(given.raw as string[])] })
  } else {
    return earlier.source === given.source
      ? `${given.source} is given twice`
      : `${given.source} sets what ${earlier.source} has set already`
  }
  return undefined
}
