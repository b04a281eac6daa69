import type { ScalarKind } from './config-schema.ts'
import type { TextValue } from './text-proto.ts'

/** What the reader needs to know of a value, whether it came from text or from JSON. */
export interface ConfigSource<V> {
  /** undefined when the value isn't a message. */
  fields(value: V): readonly SourceField<V>[] | undefined
  /** undefined when the value isn't of the kind; an enum as its name or number. */
  scalar(value: V, kind: ScalarKind): string | number | boolean | undefined
  /** The entries of a map field's one occurrence; undefined when it has none. */
  entries(value: V): readonly { readonly key: V; readonly value: V }[] | undefined
  list(value: V): readonly V[]
}

export interface SourceField<V> {
  readonly name: string
  readonly value: V
  /** For messages: the line, or the field as it is written where that isn't its name; else empty. */
  readonly where: string
}

/** A parsed config.pbtxt. */
export const textSource: ConfigSource<TextValue> = {
  fields: (value) =>
    value.kind === 'message'
      ? value.fields.map((field) => ({ name: field.name, value: field.value, where: `line ${field.line}` }))
      : undefined,
  scalar(value, kind) {
    if (value.kind === 'message') return undefined
    if (kind === 'string') return value.kind === 'string' ? value.text : undefined
    if (value.kind === 'string') return undefined
    switch (kind) {
      case 'enum':
        return wholeNumber(value.text) ?? value.text
      case 'bool':
        return booleans.get(value.text)
      case 'integer':
        return wholeNumber(value.text)
      case 'double':
        return textDouble(value.text)
    }
  },
  entries(value) {
    if (value.kind !== 'message') return undefined
    const key = value.fields.find((field) => field.name === 'key')?.value
    const entry = value.fields.find((field) => field.name === 'value')?.value
    return key === undefined || entry === undefined ? undefined : [{ key, value: entry }]
  },
  list: (value) => [value],
}

const writtenAs = (name: string): string => (snakeCase(name) === name ? '' : `field '${name}'`)

/** proto3 JSON: names in snake_case or camelCase, numbers also as strings; null is as good as nothing. */
export const jsonSource: ConfigSource<unknown> = {
  fields: (value) =>
    isObject(value)
      ? Object.entries(value)
          .filter(([, field]) => field !== null)
          .map(([name, field]) => ({ name: snakeCase(name), value: field, where: writtenAs(name) }))
      : undefined,
  scalar(value, kind) {
    switch (kind) {
      case 'string':
        return typeof value === 'string' ? value : undefined
      case 'bool':
        return typeof value === 'boolean' ? value : undefined
      case 'enum':
        return typeof value === 'string' || typeof value === 'number' ? value : undefined
      case 'integer':
        if (typeof value === 'number') return Number.isSafeInteger(value) ? value : undefined
        return typeof value === 'string' ? wholeNumber(value) : undefined
      case 'double':
        if (typeof value === 'number') return value
        return typeof value === 'string' ? jsonDouble(value) : undefined
    }
  },
  entries: (value) =>
    isObject(value) ? Object.entries(value).map(([key, entry]) => ({ key, value: entry })) : undefined,
  list: (value) => (Array.isArray(value) ? value : [value]),
}

const booleans: ReadonlyMap<string, boolean> = new Map([
  ...['true', 'True', 't', '1'].map((word) => [word, true] as const),
  ...['false', 'False', 'f', '0'].map((word) => [word, false] as const),
])

/** Decimal, octal behind a 0, or hexadecimal. */
const wholeNumber = (text: string): number | undefined => {
  const match = /^(-?)(0[0-7]*|[1-9]\d*|0[xX][0-9a-fA-F]+)$/.exec(text)
  if (match === null) return undefined
  const digits = match[2] ?? ''
  const value = Number(/^0[0-7]/.test(digits) ? `0o${digits}` : digits)
  if (!Number.isSafeInteger(value)) return undefined
  return match[1] === '-' ? 0 - value : value
}

const decimal = /^-?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/

/** A decimal number, also with the letter f behind it; the words for infinity and NaN in any case. */
const textDouble = (text: string): number | undefined => {
  if (/^-?inf(?:inity)?f?$/i.test(text)) return text.startsWith('-') ? -Infinity : Infinity
  if (/^-?nanf?$/i.test(text)) return Number.NaN
  const digits = text.replace(/[fF]$/, '')
  return decimal.test(digits) ? Number(digits) : undefined
}

const jsonDouble = (text: string): number | undefined =>
  decimal.test(text) || /^(?:NaN|-?Infinity)$/.test(text) ? Number(text) : undefined

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const snakeCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
