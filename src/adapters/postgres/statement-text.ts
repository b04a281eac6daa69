/** A statement as Postgres takes it: `?` outside of quotes becomes `$1`, `$2`, … */
export const numbered = (sql: string): string => {
  let count = 0
  return sql.replaceAll(/'(?:[^']|'')*'|"[^"]*"|\?/g, (part) => (part === '?' ? `$${++count}` : part))
}

/** An INSERT of one row, taken apart so that many rows fit into one statement. */
export interface InsertParts {
  readonly head: string
  /** `(?, ?, …)`: every place an argument. */
  readonly places: number
  readonly tail: string
  /** Which arguments are the key that ON CONFLICT … DO UPDATE names; undefined where rows may repeat. */
  readonly key: readonly number[] | undefined
}

/** Takes an `INSERT INTO t (columns) VALUES (?, …) …` apart; undefined for any other statement. */
export const insertParts = (sql: string): InsertParts | undefined => {
  const match = /^(\s*INSERT INTO \w+ \(([^)]*)\)\s*VALUES )\(((?:\?, )*\?)\)([^?]*)$/is.exec(sql)
  if (match === null) return undefined
  const [, head = '', columnList = '', list = '', tail = ''] = match
  const columns = columnList.split(',').map((column) => column.trim())
  const places = list.split(',').length
  if (columns.length !== places) return undefined
  const target = /ON CONFLICT \(([^)]*)\)\s*DO UPDATE/i.exec(tail)?.[1]
  const key = target?.split(',').map((column) => columns.indexOf(column.trim()))
  return { head, places, tail, key }
}
