import { fail } from '../protocol/index.ts'

/** Longest keys and values; MLflow's own (its `validation.py`), so that what it accepts fits here as well. */
export const limits = {
  key: 250,
  paramValue: 6000,
  runTagValue: 8000,
  experimentName: 500,
  experimentTagValue: 5000,
  registryTagValue: 100_000,
  inputTagKey: 255,
  inputTagValue: 500,
  artifactLocation: 2048,
  modelName: 1000,
  description: 100_000,
  alias: 255,
  /** Items of one list: of ids to search among, of tags that come with what is made. */
  listItems: 10_000,
  /** Datasets of one request: each is looked for by a condition of its own. */
  searchedDatasets: 100,
  loggedDatasets: 1000,
} as const

const refuse = (reason: string): Error => fail('invalid_parameter', { reason })

/** The beginning of what a caller sent, for messages. */
export const excerpt = (text: string): string => (text.length > 100 ? `${text.slice(0, 100)}…` : text)

export const requireLength = (what: string, text: string, charactersMax: number): string => {
  if (text.length <= charactersMax) return text
  throw refuse(`${what} '${excerpt(text)}' had length ${text.length}, which exceeded length limit of ${charactersMax}`)
}

/** Lists come from callers, and each item is an argument of a statement or a row. */
export const requireCount = (what: string, items: readonly unknown[], itemsMax: number): void => {
  if (items.length > itemsMax)
    throw refuse(
      `Invalid value for parameter '${what}' supplied: it has ${items.length} items, at most ${itemsMax} fit into one request.`,
    )
}

/** Keys of params, metrics and tags: letters, digits, `/ . _ - space :`, and no path tricks, since stores used them as file names. */
export const requireKey = (what: 'Param' | 'Metric' | 'Tag' | 'parameter', key: string): string => {
  requireLength(`${what} key`, key, limits.key)
  if (key === '') throw refuse(`Missing value for required parameter 'key'.`)
  if (!/^[/\w.\- :]+$/u.test(key.replaceAll(/\p{L}|\p{N}/gu, 'a')))
    throw refuse(
      `Invalid value "${excerpt(key)}" for parameter '${what.toLowerCase()} name' supplied: Names may only contain alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), colon(:) and slashes (/).`,
    )
  const segments = key.split('/')
  if (key === '.' || segments.includes('..') || segments.includes('') || segments.includes('.'))
    throw refuse(
      `Invalid value "${excerpt(key)}" for parameter '${what.toLowerCase()} name' supplied: Names may be treated as files in certain cases, and must not resolve to other names when treated as such.`,
    )
  return key
}

/** Cuts a value that is longer than MLflow keeps, as its server does by default. */
export const truncated = (text: string, charactersMax: number): string =>
  text.length <= charactersMax ? text : text.slice(0, charactersMax)

/** Times and steps are kept exactly: as integers that a double holds. */
export const requireInteger = (what: string, value: number, min: number): number => {
  if (Number.isSafeInteger(value) && value >= min) return value
  throw refuse(
    `Invalid value ${String(value)} for parameter '${what}' supplied: it must be an integer of at least ${min} and at most 2^53 - 1.`,
  )
}
