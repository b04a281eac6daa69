/** `?, ?, ?` for a list of arguments. */
export const placeholders = (count: number): string => Array.from({ length: count }, () => '?').join(', ')

/** Lists of arguments are cut to this length: databases bound the arguments of a statement. */
const listMax = 500

/** A list in pieces that statements can take. */
export function* chunks<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let at = 0; at < items.length; at += listMax) yield items.slice(at, at + listMax)
}
