/** Entries of a tracestate, newest first. */
export type Tracestate = readonly (readonly [key: string, value: string])[]

/** Trace Context, section 3.3.1.1: at most this many list members. */
const membersMax = 32

/** Longer headers are not read; the specification asks for at least 512 characters to be passed on. */
const charactersMax = 8192

/** Section 3.3.1.3.1: a simple key, or tenant@system. */
const keyPattern = /^(?:[a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})$/
/** Section 3.3.1.3.2: printable ASCII without comma and equals sign, not ending in a space. */
const valuePattern = /^[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/

/** Reads a W3C tracestate; one invalid or repeated entry makes it undefined as a whole, as the specification asks. */
export const parseTracestate = (header: string): Tracestate | undefined => {
  if (header.length > charactersMax) return undefined
  const entries: [string, string][] = []
  const seen = new Set<string>()
  for (const part of header.split(',')) {
    const member = part.replace(/^[ \t]+|[ \t]+$/g, '')
    if (member === '') continue
    const at = member.indexOf('=')
    const key = member.slice(0, Math.max(0, at))
    const value = member.slice(at + 1)
    if (!keyPattern.test(key) || !valuePattern.test(value) || seen.has(key)) return undefined
    if (entries.length === membersMax) return undefined
    seen.add(key)
    entries.push([key, value])
  }
  return entries
}

export const formatTracestate = (entries: Tracestate): string =>
  entries.map(([key, value]) => `${key}=${value}`).join(',')
