import type { SqlValue } from '../../ports/index.ts'
import { SearchError, shown } from './search-error.ts'
import type { SearchComparison, SearchScalar } from './search-filter.ts'

// Databases bound the patterns of LIKE; SQLite takes 50,000 bytes, and escapes may grow a value eightfold.
const valueLengthMax = 5000

/** Text in which LIKE has no special characters. */
const literal = (text: string): string => text.replaceAll(/[\\%_]/g, String.raw`\$&`)

/** Text as it stands inside a JSON text that is itself inside a JSON text, without the quotes at its ends. */
const twice = (text: string): string => JSON.stringify(JSON.stringify(text).slice(1, -1)).slice(1, -1)

/** What stands before the value of a property. Quotes inside of values have a backslash, so it stands nowhere else. */
const before = (key: string): string => `%${literal(`${JSON.stringify(key)}:"`)}`

const quote = String.raw`\"`

/** The patterns of a property whose value is this text, as text or as what else it may be: a number, true, a list. */
const equal = (key: string, value: string): string[] => [
  `${before(key)}${literal(`${quote}${twice(value)}${quote}"`)}%`,
  `${before(key)}${literal(`${JSON.stringify(value).slice(1, -1)}"`)}%`,
]

/** Wildcards of the caller's may run on into the properties that follow: there is no end of a value in LIKE. */
const alike = (key: string, pattern: string): string[] => {
  const inner = pattern
    .split(/([%_])/)
    .map((part) => (part === '%' || part === '_' ? part : literal(twice(part))))
    .join('')
  return [`${before(key)}${literal(quote)}${inner}${literal(`${quote}"`)}%`, `${before(key)}${inner}"%`]
}

/**
 * A condition on a property of a JSON column whose values are JSON texts, in SQL that needs no JSON functions. As
 * everywhere, what has no such property is unequal to nothing.
 */
export const jsonTextCondition = (
  column: string,
  { key, clause }: { readonly key: string; readonly clause: SearchComparison },
  args: SqlValue[],
): string => {
  const one = (pattern: string, caseless = false): string => {
    args.push(pattern)
    return caseless ? `lower(${column}) LIKE lower(?) ESCAPE '\\'` : `${column} LIKE ? ESCAPE '\\'`
  }
  const anyOf = (patterns: readonly string[], caseless = false): string =>
    `(${patterns.map((pattern) => one(pattern, caseless)).join(' OR ')})`
  const equals = (values: readonly SearchScalar[]): string =>
    anyOf(values.flatMap((value) => equal(key, bounded(value))))
  const present = (): string => one(`${before(key)}%`)
  switch (clause.operator) {
    case '=':
      return equals([clause.value])
    case 'IN':
      return equals(clause.value)
    case '!=':
      return `(${present()} AND NOT ${equals([clause.value])})`
    case 'NOT IN':
      return `(${present()} AND NOT ${equals(clause.value)})`
    case 'LIKE':
      return anyOf(alike(key, bounded(clause.value)))
    case 'ILIKE':
      return anyOf(alike(key, bounded(clause.value)), true)
    default:
      throw new SearchError(`Invalid comparator '${clause.operator}' for '${shown(clause.key)}'`)
  }
}

const bounded = (value: SearchScalar): string => {
  const text = String(value)
  if (text.length <= valueLengthMax) return text
  throw new SearchError(`A value is longer than ${valueLengthMax} characters: '${shown(text)}'`)
}
