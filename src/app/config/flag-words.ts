/** One word of a command line: a flag, with its value if it has one, or another word. */
export type FlagWord =
  | { readonly flag: string; readonly value: string | undefined }
  | { readonly flag: undefined; readonly word: string }

/**
 * Takes a command line apart: `--name value` for the flags that take one, `--name=value` for any. What looks like a
 * flag is no value unless `=` joins it, so that a forgotten value is told where it is missing. All after `--` are words.
 */
export const flagWords = (args: readonly string[], takesValue: (flag: string) => boolean): FlagWord[] => {
  const words: FlagWord[] = []
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? ''
    const equals = arg.indexOf('=')
    if (arg === '--') {
      words.push(...args.slice(i + 1).map((word) => ({ flag: undefined, word })))
      break
    } else if (!arg.startsWith('-') || arg === '-') {
      words.push({ flag: undefined, word: arg })
    } else if (equals >= 0) {
      words.push({ flag: arg.slice(0, equals), value: arg.slice(equals + 1) })
    } else {
      const next = args[i + 1]
      const taken = takesValue(arg) && next !== undefined && !next.startsWith('--')
      if (taken) i++
      words.push({ flag: arg, value: taken ? next : undefined })
    }
  }
  return words
}

/** `--port needs a value, as in --port PORT`. */
export const missingValue = (flag: string, placeholder: string): string =>
  `${flag} needs a value, as in ${flag} ${placeholder}`
