import { ConfigError } from './config-error.ts'

/** A field's value: a number or word as written, a string, or a message. */
export type TextValue =
  | { readonly kind: 'scalar'; readonly text: string }
  | { readonly kind: 'string'; readonly text: string }
  | { readonly kind: 'message'; readonly fields: readonly TextField[] }

export interface TextField {
  readonly name: string
  readonly value: TextValue
  readonly line: number
}

const depthMax = 100
/** Characters; real configurations have some thousands. */
export const configLengthMax = 1024 * 1024
const escapes: Readonly<Record<string, string>> = {
  n: '\n',
  r: '\r',
  t: '\t',
  '\\': '\\',
  "'": "'",
  '"': '"',
  '?': '?',
  a: '\u0007',
  b: '\b',
  f: '\f',
  v: '\v',
}

/** White space and comments. A comment takes its whole line in one way only, so that no text makes the search slow. */
const space = /(?:\s|#[^\n]*(?:\n|$))*/y
/** One token: a string, a word or number, a sign, or the end. */
const token = /(?:("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|(-?[A-Za-z0-9_.+][A-Za-z0-9_.+-]*)|([{}[\]<>:,;-])|$)/y

/**
 * Parses protobuf text format into fields, in order; lists become repeated fields. Throws ConfigError with line and
 * column, both from 1.
 */
export const parseTextProto = (text: string): TextField[] => {
  if (text.length > configLengthMax) {
    throw new ConfigError([`the text has ${text.length} characters; the limit is ${configLengthMax}`])
  }
  return new TextProtoParser(text).document()
}

class TextProtoParser {
  readonly #text: string
  /** Behind the token that is looked at. */
  #at = 0
  /** Where that token starts. */
  #start = 0
  #line = 1
  #lineStart = 0
  #string: string | undefined
  #word: string | undefined
  #sign: string | undefined

  constructor(text: string) {
    this.#text = text
    this.#advance()
  }

  document(): TextField[] {
    return this.#fields(undefined, 0)
  }

  #fail(reason: string): ConfigError {
    return new ConfigError([`line ${this.#line}, column ${this.#start - this.#lineStart + 1}: ${reason}`])
  }

  get #ended(): boolean {
    return this.#string === undefined && this.#word === undefined && this.#sign === undefined
  }

  #advance(): void {
    space.lastIndex = this.#at
    const skipped = space.exec(this.#text)?.[0] ?? ''
    for (const character of skipped) if (character === '\n') this.#line += 1
    if (skipped.includes('\n')) this.#lineStart = this.#at + skipped.lastIndexOf('\n') + 1
    this.#at += skipped.length
    this.#start = this.#at
    token.lastIndex = this.#at
    const match = token.exec(this.#text)
    if (match === null) throw this.#fail(`unexpected text '${this.#text.slice(this.#at, this.#at + 20).trim()}'`)
    this.#at = token.lastIndex
    this.#string = match[1]
    this.#word = match[2]
    this.#sign = match[3]
  }

  #take(sign: string): boolean {
    if (this.#sign !== sign) return false
    this.#advance()
    return true
  }

  #fields(end: string | undefined, depth: number): TextField[] {
    if (depth > depthMax) throw this.#fail(`messages nested deeper than ${depthMax}`)
    const fields: TextField[] = []
    while (end === undefined ? !this.#ended : !this.#take(end)) {
      const name = this.#word
      if (name === undefined)
        throw this.#fail(end !== undefined && this.#ended ? `a '${end}' is missing` : 'expected the name of a field')
      const line = this.#line
      this.#advance()
      const colon = this.#take(':')
      for (const value of this.#values(colon, depth)) fields.push({ name, value, line })
      if (!this.#take(',')) this.#take(';')
    }
    return fields
  }

  #values(colon: boolean, depth: number): TextValue[] {
    if (!this.#take('[')) return [this.#value(colon, depth)]
    const values: TextValue[] = []
    if (this.#take(']')) return values
    do values.push(this.#value(colon, depth))
    while (this.#take(','))
    if (!this.#take(']')) throw this.#fail("expected ',' or ']'")
    return values
  }

  #value(colon: boolean, depth: number): TextValue {
    if (this.#take('{')) return { kind: 'message', fields: this.#fields('}', depth + 1) }
    if (this.#take('<')) return { kind: 'message', fields: this.#fields('>', depth + 1) }
    if (!colon) throw this.#fail("expected ':' or '{'")
    if (this.#string !== undefined) return { kind: 'string', text: this.#strings() }
    const negative = this.#take('-')
    const word = this.#word
    if (word === undefined) throw this.#fail('expected a value')
    this.#advance()
    return { kind: 'scalar', text: negative ? `-${word}` : word }
  }

  /** Strings that follow one another are one. */
  #strings(): string {
    let text = ''
    while (this.#string !== undefined) {
      text += this.#unescape(this.#string.slice(1, -1))
      this.#advance()
    }
    return text
  }

  #unescape(quoted: string): string {
    return quoted.replace(escape, (_, bytes?: string, codePoint?: string, character = '') => {
      if (bytes !== undefined) return textOfBytes(bytes)
      if (codePoint !== undefined) return this.#character(Number.parseInt(codePoint.slice(1), 16))
      const plain = escapes[character]
      if (plain === undefined) throw this.#fail(`unknown escape \\${character}`)
      return plain
    })
  }

  #character(codePoint: number): string {
    const surrogate = codePoint >= 0xd800 && codePoint <= 0xdfff
    if (surrogate || codePoint > 0x10ffff) throw this.#fail(`\\u${codePoint.toString(16)} is not a character`)
    return String.fromCodePoint(codePoint)
  }
}

/** Bytes in a row, a code point, or a single character behind a backslash. */
const escape = /((?:\\(?:[xX][0-9a-fA-F]{1,2}|[0-7]{1,3}))+)|\\(u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})|\\(.)/gu

/** Octal and hexadecimal escapes are bytes; those in a row are UTF-8 together. */
const textOfBytes = (escaped: string): string =>
  Buffer.from(
    escaped
      .split('\\')
      .slice(1)
      .map((byte) => (/^x/i.test(byte) ? Number.parseInt(byte.slice(1), 16) : Number.parseInt(byte, 8) & 0xff)),
  ).toString('utf8')
