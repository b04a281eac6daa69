/** Names whose values never reach a log: compared in lower case, without hyphens and underscores. */
const secretNames = new Set([
  'authorization',
  'proxyauthorization',
  'key',
  'apikey',
  'xapikey',
  'token',
  'password',
  'secret',
  'cookie',
  'setcookie',
])

/** Deeper than any record that is logged, and what pino itself would write at most. */
const depthMax = 5

type Fields = Readonly<Record<string, unknown>>

/** A copy of the fields with every secret replaced by ***, also in records and lists inside; what lies deeper than five is cut. */
export const redactFields = (fields: Fields): Record<string, unknown> => redactRecord(fields, 1)

const redactRecord = (record: Fields, depth: number): Record<string, unknown> => {
  const kept: Record<string, unknown> = {}
  for (const name of Object.keys(record)) {
    const value = secretNames.has(normal(name)) ? '***' : redactValue(record[name], depth)
    // Assignment would set the prototype instead.
    if (name === '__proto__') Object.defineProperty(kept, name, { value, enumerable: true })
    else kept[name] = value
  }
  return kept
}

const redactValue = (value: unknown, depth: number): unknown => {
  if (typeof value !== 'object' || value === null) return value
  const isList = Array.isArray(value)
  if (!isList && !isRecord(value)) return value
  if (depth === depthMax) return '[cut]'
  return isList ? value.map((item: unknown) => redactValue(item, depth + 1)) : redactRecord(value as Fields, depth + 1)
}

/** Errors, dates, buffers and the like say themselves how they are written. */
const isRecord = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

const normal = (name: string): string => name.toLowerCase().replace(/[-_]/g, '')
