/** What a field is to the rules of requests (RFC 9113, section 8). */
export type FieldKind = 'method' | 'scheme' | 'path' | 'authority' | 'length' | 'other' | 'wrong'

/** A field of a header list. Its kind is found once, since clients send the same fields with every request. */
export interface HeaderField {
  readonly name: string
  readonly value: string
  readonly kind: FieldKind
  /** What it counts, in tables and against limits (RFC 7541, section 4.1). */
  readonly bytes: number
}

const overheadBytes = 32

export const headerField = (name: string, value: string): HeaderField => ({
  name,
  value,
  kind: kindOf(name, value),
  bytes: name.length + value.length + overheadBytes,
})

const pseudoKinds: Readonly<Record<string, FieldKind>> = {
  ':method': 'method',
  ':scheme': 'scheme',
  ':path': 'path',
  ':authority': 'authority',
}

/** Fields that belong to a connection of HTTP/1.1 (RFC 9113, section 8.2.2). */
const connectionFields = new Set(['connection', 'proxy-connection', 'keep-alive', 'transfer-encoding', 'upgrade'])

/** A token without capitals (RFC 9110, section 5.6.2; RFC 9113, section 8.2.1). */
const goodName = /^[a-z0-9!#$%&'*+\-.^_`|~]+$/
/** Neither NUL, CR or LF nor blanks at an end. */
// eslint-disable-next-line no-control-regex
const badValue = /[\0\r\n]|^[ \t]|[ \t]$/

const kindOf = (name: string, value: string): FieldKind => {
  if (badValue.test(value)) return 'wrong'
  const pseudo = pseudoKinds[name]
  if (pseudo !== undefined) return pseudo
  if (!goodName.test(name) || connectionFields.has(name)) return 'wrong'
  if (name === 'te') return value === 'trailers' ? 'other' : 'wrong'
  if (name === 'content-length') return /^\d{1,15}$/.test(value) ? 'length' : 'wrong'
  return 'other'
}
