import type { FieldKind, HeaderField } from './header-field.ts'

/** What HTTP/2 itself needs of a request's fields. */
export interface RequestHead {
  readonly method: string
  readonly path: string
  readonly contentLength: number | undefined
}

type Pseudo = Exclude<FieldKind, 'other' | 'wrong'>

type Found = Partial<Record<Pseudo, string>>

/** Reads the fields that begin a request; undefined when it is malformed (RFC 9113, sections 8.2, 8.3 and 8.5). */
export const readHead = (fields: readonly HeaderField[]): RequestHead | undefined => {
  const found: Found = {}
  let regular = false
  for (const { kind, value } of fields) {
    if (kind === 'other' || kind === 'length') regular = true
    if (kind === 'other') continue
    if (kind === 'wrong') return undefined
    // A length may come twice, with the same value (RFC 9110, section 8.6); no pseudo-field may.
    if (kind === 'length' ? (found.length ?? value) !== value : regular || found[kind] !== undefined) return undefined
    found[kind] = value
  }
  const { method, path = '', length } = found
  if (method === undefined || !isWhole(found)) return undefined
  return { method, path, contentLength: length === undefined ? undefined : Number(length) }
}

const isWhole = ({ method, scheme, path, authority }: Found): boolean =>
  method === 'CONNECT'
    ? scheme === undefined && path === undefined && authority !== undefined
    : scheme !== undefined && path !== undefined && path !== ''

/** Whether fields may follow a request's content: no pseudo-field may (RFC 9113, section 8.1). */
export const areTrailers = (fields: readonly HeaderField[]): boolean =>
  fields.every(({ kind }) => kind === 'other' || kind === 'length')
