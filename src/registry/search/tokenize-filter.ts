import { SearchError, shown } from './search-error.ts'

/** Bytes of UTF-8: far beyond what a person or a client writes, small enough to scan at once. */
const filterBytesMax = 64 * 1024

interface Placed {
  /** The token as written, for messages. */
  readonly text: string
  /** Where it begins in the whole text. */
  readonly at: number
}

/** `first` is the entity when `second` is there, else the key. Quotes are taken off. */
export interface NameToken extends Placed {
  readonly kind: 'name'
  readonly first: string
  readonly second?: string
  readonly quoted: boolean
}

/** A quoted string; in double quotes it may also be the key of an attribute. */
export interface StringToken extends Placed {
  readonly kind: 'string'
  readonly value: string
  readonly quote: '"' | "'"
}

export interface PlainToken extends Placed {
  readonly kind: 'number' | 'operator' | '(' | ')' | ','
}

export type FilterToken = NameToken | StringToken | PlainToken

/** Makes the error for a part of the text that belongs to no token. */
export type ScanFault = (part: string) => SearchError

const digits = '0123456789'
const operatorCharacters = '<>=!~'
// What may stand in a key without quotes once its entity is named; MLflow's keys hold nothing else but spaces.
const keyPunctuation = '._-/:@#$'

const isSpace = (character: string): boolean => character.trim() === ''
const isDigit = (character: string): boolean => character !== '' && digits.includes(character)

function isLetter(character: string): boolean {
  if (character === '') return false
  if (character.charCodeAt(0) >= 0x80) return !isSpace(character)
  return character === '_' || character.toLowerCase() !== character.toUpperCase()
}

const isKeyCharacter = (character: string): boolean =>
  character !== '' && (isLetter(character) || isDigit(character) || keyPunctuation.includes(character))

class FilterScanner {
  readonly #text: string
  readonly #fault: ScanFault
  #at = 0

  constructor(text: string, fault: ScanFault) {
    this.#text = text
    this.#fault = fault
  }

  /** Every call moves forward by one character at least, and no character is read more than a few times. */
  next(): FilterToken | undefined {
    while (this.#at < this.#text.length && isSpace(this.#peek())) this.#at++
    const at = this.#at
    const first = this.#peek()
    if (first === '') return undefined
    if (first === '(' || first === ')' || first === ',') {
      this.#at++
      return { kind: first, text: first, at }
    }
    if (first === "'") return { kind: 'string', quote: first, value: this.#quoted(), text: this.#since(at), at }
    if (first === '"' || first === '`' || isLetter(first)) return this.#name(at)
    if (operatorCharacters.includes(first)) {
      while (this.#peek() !== '' && operatorCharacters.includes(this.#peek())) this.#at++
      return { kind: 'operator', text: this.#since(at), at }
    }
    return this.#number(at)
  }

  #peek(): string {
    return this.#text.charAt(this.#at)
  }

  #since(at: number): string {
    return this.#text.slice(at, this.#at)
  }

  /** The text between this quote and the next of its kind; the quote written twice stands for itself. */
  #quoted(): string {
    const from = this.#at
    const quote = this.#peek()
    let value = ''
    for (;;) {
      const end = this.#text.indexOf(quote, this.#at + 1)
      if (end < 0) throw this.#fault(this.#text.slice(from))
      value += this.#text.slice(this.#at + 1, end)
      this.#at = end + 1
      if (this.#peek() !== quote) return value
      value += quote
    }
  }

  #name(at: number): FilterToken {
    const quote = this.#peek()
    const quoted = quote === '"' || quote === '`'
    const first = quoted ? this.#quoted() : this.#bare((character) => isLetter(character) || isDigit(character))
    if (this.#peek() !== '.') {
      if (quote === '"') return { kind: 'string', quote, value: first, text: this.#since(at), at }
      return { kind: 'name', first, quoted, text: this.#since(at), at }
    }
    this.#at++
    const next = this.#peek()
    const second = next === '"' || next === '`' ? this.#quoted() : this.#bare(isKeyCharacter)
    if (second === '') throw this.#fault(this.#text.slice(at))
    return { kind: 'name', first, second, quoted, text: this.#since(at), at }
  }

  #bare(belongs: (character: string) => boolean): string {
    const from = this.#at
    while (belongs(this.#peek())) this.#at++
    return this.#since(from)
  }

  #number(at: number): FilterToken {
    if (this.#peek() === '-' || this.#peek() === '+') this.#at++
    let digitCount = this.#bare(isDigit).length
    if (this.#peek() === '.') {
      this.#at++
      digitCount += this.#bare(isDigit).length
    }
    if (digitCount === 0) throw this.#fault(this.#text.slice(at))
    if (this.#peek() === 'e' || this.#peek() === 'E') {
      this.#at++
      if (this.#peek() === '-' || this.#peek() === '+') this.#at++
      if (this.#bare(isDigit) === '') throw this.#fault(this.#text.slice(at))
    }
    return { kind: 'number', text: this.#since(at), at }
  }
}

/**
 * Cuts a filter or an order_by clause into tokens, in time linear in its length. Fails for text over the limit, for NUL
 * characters (no database column can hold one) and, with `fault`, for what is no token: an open quote, a lone sign.
 */
export function tokenizeFilter(text: string, fault: ScanFault): FilterToken[] {
  if (text.length > filterBytesMax || Buffer.byteLength(text) > filterBytesMax) {
    throw new SearchError(`The search text is longer than ${filterBytesMax} bytes: '${shown(text)}'`)
  }
  if (text.includes('\0')) throw fault(text)
  const scanner = new FilterScanner(text, fault)
  const tokens: FilterToken[] = []
  for (let token = scanner.next(); token !== undefined; token = scanner.next()) tokens.push(token)
  return tokens
}
