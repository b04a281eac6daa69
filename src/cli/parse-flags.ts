import { flagWords, missingValue } from '../app/config/flag-words.ts'
import { didYouMean } from '../lib/index.ts'
import type { Flag } from './command.ts'
import { UsageError } from './command.ts'

export interface ParsedFlags {
  /** By the flag's name; true for a switch. */
  readonly values: ReadonlyMap<string, string | true>
  readonly words: readonly string[]
}

/** Reads the arguments of a command by its flags. Throws UsageError with every mistake. */
export const parseFlags = (args: readonly string[], flags: readonly Flag[]): ParsedFlags => {
  const known = new Map(flags.map((flag) => [`--${flag.name}`, flag]))
  const values = new Map<string, string | true>()
  const words: string[] = []
  const problems: string[] = []
  for (const word of flagWords(args, (flag) => known.get(flag)?.value !== undefined)) {
    if (word.flag === undefined) {
      words.push(word.word)
      continue
    }
    const flag = known.get(word.flag)
    if (flag === undefined) problems.push(`unknown flag ${word.flag}${didYouMean(word.flag, [...known.keys()])}`)
    else if (values.has(flag.name)) problems.push(`${word.flag} is given twice`)
    else if (flag.value === undefined && word.value !== undefined) problems.push(`${word.flag} takes no value`)
    else if (flag.value !== undefined && word.value === undefined) problems.push(missingValue(word.flag, flag.value))
    else values.set(flag.name, word.value ?? true)
  }
  if (problems.length > 0) throw new UsageError(problems.join('\n'))
  return { values, words }
}
