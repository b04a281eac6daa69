/** A JSON value with whole numbers beyond 2^53 kept exactly, as bigint. */
export type JsonValue = null | boolean | number | bigint | string | JsonValue[] | { [key: string]: JsonValue }

/** Text that is not JSON, or is beyond the limits. */
export class JsonError extends Error {
  override name = 'JsonError'
}

export interface JsonLimits {
  /** Deepest nesting of arrays and objects. */
  readonly depthMax: number
  /** Most values in all; any number without it. */
  readonly valuesMax?: number
}

const depthMaxDefault = 100
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

const quote = 0x22
const backslash = 0x5c
const comma = 0x2c
const colon = 0x3a
const minus = 0x2d
const openBracket = 0x5b
const closeBracket = 0x5d
const openBrace = 0x7b
const closeBrace = 0x7d

/**
 * Whole numbers of up to 15 digits fit a double exactly, and so do the powers of ten up to 22: their quotient is the
 * decimal correctly rounded (Clinger, PLDI 1990).
 */
const exactDigitsMax = 15
const powersOfTen = Array.from({ length: exactDigitsMax + 1 }, (_, power) => Number(`1e${power}`))

/**
 * Reads JSON (RFC 8259) from UTF-8, in one pass whose depth is bounded. Beyond the standard it takes NaN, Infinity
 * and -Infinity as numbers, as the model servers and clients of the field do. A name that appears twice in an object
 * is an error, and `__proto__` is a name like any other.
 */
export const parseJson = (bytes: Uint8Array, limits: JsonLimits = { depthMax: depthMaxDefault }): JsonValue =>
  new JsonReader(bytes, limits).document()

/**
 * As parseJson, by the platform's own reader when the result is certain to be the same; meant for small texts. Whole
 * numbers come as doubles, which lose digits beyond 2^53: read again with parseJson when one that large matters.
 *
 * The platform's reader lets a name appear twice and keeps the last. Each name has one colon behind it, so a text with
 * as many colons as the tree has names has none twice; a text with more (colons in strings too) is read by parseJson.
 */
export const parseJsonQuick = (bytes: Uint8Array, limits: JsonLimits = { depthMax: depthMaxDefault }): JsonValue => {
  // A value and what parts it from the next take two bytes.
  if (limits.valuesMax !== undefined && bytes.length > 2 * limits.valuesMax) return parseJson(bytes, limits)
  let text: string
  let value: JsonValue
  try {
    text = utf8.decode(bytes)
    value = JSON.parse(text) as JsonValue
  } catch {
    return parseJson(bytes, limits)
  }
  return countNames(value, limits.depthMax) === countColons(text) ? value : parseJson(bytes, limits)
}

/**
 * How many names the objects of a tree have; -1 when it is too deep or has a number that overflowed. The recursion is
 * bounded by the depth limit.
 */
const countNames = (value: JsonValue, depthLeft: number): number => {
  if (typeof value === 'number') return value === Infinity || value === -Infinity ? -1 : 0
  if (typeof value !== 'object' || value === null) return 0
  if (depthLeft === 0) return -1
  if (Array.isArray(value)) return countNamesOfList(value, depthLeft - 1)
  let names = 0
  for (const key in value) {
    const inner = countNames(value[key] as JsonValue, depthLeft - 1)
    if (inner < 0) return -1
    names += 1 + inner
  }
  return names
}

const countNamesOfList = (values: readonly JsonValue[], depthLeft: number): number => {
  let names = 0
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as JsonValue
    const inner = typeof value === 'number' && Number.isFinite(value) ? 0 : countNames(value, depthLeft)
    if (inner < 0) return -1
    names += inner
  }
  return names
}

const countColons = (text: string): number => {
  let colons = 0
  for (let at = text.indexOf(':'); at !== -1; at = text.indexOf(':', at + 1)) colons += 1
  return colons
}

class JsonReader {
  readonly #bytes: Uint8Array
  readonly #depthMax: number
  readonly #valuesMax: number
  #valuesLeft: number
  #at = 0

  constructor(bytes: Uint8Array, { depthMax, valuesMax = Infinity }: JsonLimits) {
    this.#bytes = bytes
    this.#depthMax = depthMax
    this.#valuesMax = valuesMax
    this.#valuesLeft = valuesMax
  }

  document(): JsonValue {
    this.#skipSpace()
    const value = this.#value(this.#depthMax)
    this.#skipSpace()
    if (this.#at < this.#bytes.length) throw this.#error('text behind the value')
    return value
  }

  #error(what: string): JsonError {
    return new JsonError(`${what} at byte ${this.#at}`)
  }

  #skipSpace(): void {
    const bytes = this.#bytes
    for (;;) {
      const byte = bytes[this.#at]
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return
      this.#at += 1
    }
  }

  #value(depthLeft: number): JsonValue {
    if (this.#valuesLeft === 0) throw this.#error(`more than ${this.#valuesMax} values`)
    this.#valuesLeft -= 1
    switch (this.#bytes[this.#at]) {
      case openBrace:
        return this.#object(depthLeft)
      case openBracket:
        return this.#array(depthLeft)
      case quote:
        return this.#string()
      case 0x74:
        return this.#word('true', true)
      case 0x66:
        return this.#word('false', false)
      case 0x6e:
        return this.#word('null', null)
      case 0x4e:
        return this.#word('NaN', Number.NaN)
      case 0x49:
        return this.#word('Infinity', Infinity)
      default:
        return this.#number()
    }
  }

  #word<T extends JsonValue>(word: string, value: T): T {
    for (let i = 0; i < word.length; i++) {
      if (this.#bytes[this.#at + i] !== word.charCodeAt(i)) throw this.#error('unexpected text')
    }
    this.#at += word.length
    return value
  }

  #enter(depthLeft: number): void {
    if (depthLeft <= 0) throw this.#error(`nesting deeper than ${this.#depthMax}`)
    this.#at += 1
    this.#skipSpace()
  }

  #array(depthLeft: number): JsonValue[] {
    this.#enter(depthLeft)
    const values: JsonValue[] = []
    if (this.#bytes[this.#at] === closeBracket) {
      this.#at += 1
      return values
    }
    for (;;) {
      values.push(this.#value(depthLeft - 1))
      this.#skipSpace()
      const byte = this.#bytes[this.#at]
      this.#at += 1
      if (byte === closeBracket) return values
      if (byte !== comma) {
        this.#at -= 1
        throw this.#error('expected , or ]')
      }
      this.#skipSpace()
    }
  }

  #object(depthLeft: number): { [key: string]: JsonValue } {
    this.#enter(depthLeft)
    const object: { [key: string]: JsonValue } = {}
    if (this.#bytes[this.#at] === closeBrace) {
      this.#at += 1
      return object
    }
    for (;;) {
      if (this.#bytes[this.#at] !== quote) throw this.#error('expected a name in quotes')
      const name = this.#string()
      if (Object.hasOwn(object, name)) throw this.#error(`the name ${JSON.stringify(name.slice(0, 40))} appears twice`)
      this.#skipSpace()
      if (this.#bytes[this.#at] !== colon) throw this.#error('expected :')
      this.#at += 1
      this.#skipSpace()
      const value = this.#value(depthLeft - 1)
      if (name === '__proto__')
        Object.defineProperty(object, name, { value, enumerable: true, writable: true, configurable: true })
      else object[name] = value
      this.#skipSpace()
      const byte = this.#bytes[this.#at]
      if (byte !== closeBrace && byte !== comma) throw this.#error('expected , or }')
      this.#at += 1
      if (byte === closeBrace) return object
      this.#skipSpace()
    }
  }

  #string(): string {
    const bytes = this.#bytes
    const start = this.#at
    let end = start + 1
    let escaped = false
    for (; ; end++) {
      const byte = bytes[end]
      if (byte === quote) break
      if (byte === backslash) {
        escaped = true
        end += 1
      }
      if (byte === undefined || end >= bytes.length) throw this.#error('a string without end')
      if (byte < 0x20) throw this.#error('a control character in a string')
    }
    this.#at = end + 1
    try {
      if (escaped) return JSON.parse(utf8.decode(bytes.subarray(start, end + 1))) as string
      return utf8.decode(bytes.subarray(start + 1, end))
    } catch {
      this.#at = start
      throw this.#error('a string that is not valid UTF-8 or has a broken escape')
    }
  }

  /** Most numbers are a few digits with a point: those are computed here, exactly; the rest by the platform. */
  #number(): number | bigint {
    const bytes = this.#bytes
    const start = this.#at
    const negative = bytes[start] === minus
    let at = negative ? start + 1 : start
    let mantissa = 0
    let digits = 0
    const wholeStart = at
    for (; isDigit(bytes[at]); at++, digits++) mantissa = mantissa * 10 + ((bytes[at] ?? 0) - 0x30)
    const whole = at - wholeStart
    if (whole === 0) return this.#numberWord(negative)
    if (whole > 1 && bytes[wholeStart] === 0x30) throw this.#error('a number with a leading zero')
    let fraction = 0
    if (bytes[at] === 0x2e) {
      at += 1
      for (; isDigit(bytes[at]); at++, digits++, fraction++) mantissa = mantissa * 10 + ((bytes[at] ?? 0) - 0x30)
      if (fraction === 0) throw this.#error('a number that ends at its point')
    }
    if (isExponent(bytes[at])) return this.#exponent(start, at)
    this.#at = at
    if (digits <= exactDigitsMax) {
      const value = mantissa / (powersOfTen[fraction] ?? 1)
      return negative ? -value : value
    }
    return this.#slowNumber(start, at, fraction === 0)
  }

  #numberWord(negative: boolean): number {
    if (!negative) throw this.#error('unexpected text')
    this.#at += 1
    return -this.#word('Infinity', Infinity)
  }

  #exponent(start: number, at: number): number {
    const bytes = this.#bytes
    let end = at + 1
    if (bytes[end] === 0x2b || bytes[end] === minus) end += 1
    const digitsStart = end
    while (isDigit(bytes[end])) end += 1
    if (end === digitsStart) throw this.#error('a number with an empty exponent')
    this.#at = end
    return this.#slowNumber(start, end, false) as number
  }

  #slowNumber(start: number, end: number, whole: boolean): number | bigint {
    let text = ''
    for (let i = start; i < end; i++) text += String.fromCharCode(this.#bytes[i] ?? 0)
    const value = Number(text)
    if (whole && !Number.isSafeInteger(value) && text.length <= bigintCharactersMax) return BigInt(text)
    if (!Number.isFinite(value)) throw this.#error('a number too large for any type')
    return value
  }
}

/** No integer type has more digits; a longer number is read as a double and refused by the integer types. */
const bigintCharactersMax = 40

const isExponent = (byte: number | undefined): boolean => byte === 0x65 || byte === 0x45

const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= 0x30 && byte <= 0x39
