import { createHash } from 'node:crypto'
import type { SqlValue } from '../../ports/index.ts'
import { SearchError } from './search-error.ts'
import type { SearchValueType } from './search-grammar.ts'

export type SortValue = string | number | null

/** What one value of a token has to be to stand in its place. */
export interface SortSlot {
  readonly type: SearchValueType
  readonly nullable: boolean
  /** Stands beside a column of whole numbers, where databases take nothing else. */
  readonly whole?: true
}

export const wholeSlot = { type: 'number', nullable: false, whole: true } as const satisfies SortSlot

// Twenty keys of 8000 characters, the longest value of a tag, in UTF-8 and base64.
const tokenLengthMax = 1024 * 1024

/** Writes the sort values of a page's last row down for the caller to hand back, tied to one request by `binding`. */
export function encodePageToken(values: readonly SortValue[], binding: string): string {
  const texts = values.map(toText)
  return Buffer.from(JSON.stringify({ k: texts, h: digest(texts, binding) })).toString('base64url')
}

/**
 * Reads a token back. Fails with `Invalid page token` for one that is damaged, was made for another request, or holds
 * values of other types. The hash has no secret: who forges one only chooses where his own page starts.
 */
export function decodePageToken(token: string, slots: readonly SortSlot[], binding: string): SortValue[] {
  const texts = readTexts(token, binding)
  if (texts?.length !== slots.length) throw new SearchError('Invalid page token')
  return slots.map((slot, index) => {
    const value = fromText(texts[index] ?? '')
    if (value === undefined || !fits(value, slot)) throw new SearchError('Invalid page token')
    return value
  })
}

function fits(value: SortValue, { type, nullable, whole }: SortSlot): boolean {
  if (whole && !Number.isSafeInteger(value)) return false
  return value === null ? nullable : (typeof value === 'number') === (type === 'number')
}

function readTexts(token: string, binding: string): string[] | undefined {
  if (token.length > tokenLengthMax) return undefined
  const bytes = Buffer.from(token, 'base64url')
  // The decoder passes over characters that don't belong there.
  if (bytes.toString('base64url') !== token) return undefined
  let read: unknown
  try {
    read = JSON.parse(bytes.toString())
  } catch {
    return undefined
  }
  if (typeof read !== 'object' || read === null || !('k' in read) || !('h' in read)) return undefined
  const { k: texts, h: hash } = read
  if (!Array.isArray(texts) || !texts.every((text) => typeof text === 'string')) return undefined
  return hash === digest(texts, binding) ? texts : undefined
}

function digest(texts: readonly string[], binding: string): string {
  const hash = createHash('sha256').update(JSON.stringify([binding, ...texts]))
  return hash.digest('base64url').slice(0, 22)
}

/** JSON has no infinities, which metrics may hold. */
function toText(value: SortValue): string {
  if (value === null) return ''
  return typeof value === 'number' ? `n${value}` : `s${value}`
}

function fromText(text: string): SortValue | undefined {
  if (text === '') return null
  if (text.startsWith('s')) return text.includes('\0') ? undefined : text.slice(1)
  const value = Number(text.slice(1))
  return text.startsWith('n') && text.length > 1 && !Number.isNaN(value) ? value : undefined
}

/** A sort column as the database gave it. */
export function sortValue(value: SqlValue | undefined): SortValue {
  return typeof value === 'string' || typeof value === 'number' ? value : null
}
