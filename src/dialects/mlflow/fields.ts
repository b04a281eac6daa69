import { fail } from '../../protocol/index.ts'
import type { JsonError } from '../../tensor/index.ts'

/** What a request holds before it is looked at: JSON, or the texts of a query. */
export type Raw = unknown

/** Reads one field. `path` names it in messages: `metrics[0].timestamp`. */
export interface Field<T> {
  read(value: Raw, path: string): T
}

type Value<F> = F extends Field<infer T> ? T : never
export type Fields = Readonly<Record<string, Field<unknown>>>
export type Values<F extends Fields> = { readonly [K in keyof F]: Value<F[K]> }

const reference = 'See the API docs for more information about request parameters.'

const missing = (path: string): Error =>
  fail('invalid_parameter', { reason: `Missing value for required parameter '${path}'. ${reference}` })

const typeNames: Readonly<Record<string, string>> = { boolean: 'bool', string: 'str', bigint: 'int', object: 'dict' }

const typeName = (value: Raw): string => {
  if (Array.isArray(value)) return 'list'
  if (typeof value === 'number') return Number.isInteger(value) ? 'int' : 'float'
  return typeNames[typeof value] ?? 'NoneType'
}

/** A value that came, with MLflow's sentence about its type. */
const wrong = (value: Raw, path: string, hint = `Value was of type '${typeName(value)}'`): Error => {
  const shown = typeof value === 'bigint' ? String(value) : (JSON.stringify(value) ?? 'null')
  const cut = shown.length > 200 ? `${shown.slice(0, 200)}…` : shown
  return fail('invalid_parameter', {
    reason: `Invalid value ${cut} for parameter '${path}' supplied: Hint: ${hint}. ${reference}`,
  })
}

const absent = (value: Raw): boolean => value === undefined || value === null

/** A text that may hold anything, for what takes a NUL out of it; absent is undefined. */
export const anyText: Field<string | undefined> = {
  read(value, path) {
    if (absent(value)) return undefined
    if (typeof value !== 'string') throw wrong(value, path)
    return value
  },
}

/** A text; absent is undefined. It has no NUL, which not every database keeps. */
export const text: Field<string | undefined> = {
  read(value, path) {
    const read = anyText.read(value, path)
    if (read?.includes('\0')) throw wrong(value, path, 'It holds a NUL character')
    return read
  },
}

/** A whole number; queries carry it as text, and JSON may as well. */
export const integer: Field<number | undefined> = {
  read(value, path) {
    if (absent(value)) return undefined
    const number = typeof value === 'string' && /^-?\d+$/.test(value) ? Number(value) : value
    if (typeof number !== 'number' || !Number.isInteger(number)) throw wrong(value, path)
    return number
  },
}

/** A number, also NaN and the infinities, by JSON's words for them or as text. */
export const decimal: Field<number | undefined> = {
  read(value, path) {
    if (absent(value)) return undefined
    if (typeof value === 'number') return value
    if (typeof value === 'bigint') return Number(value)
    if (typeof value === 'string') {
      const known = words.get(value.toLowerCase())
      if (known !== undefined) return known
      if (value.trim() !== '' && Number.isFinite(Number(value))) return Number(value)
    }
    throw wrong(value, path)
  },
}

const words = new Map([
  ['nan', NaN],
  ['infinity', Infinity],
  ['inf', Infinity],
  ['-infinity', -Infinity],
  ['-inf', -Infinity],
])

/** true or false; queries carry it as text, which Python's clients begin with a capital. */
export const boolean: Field<boolean | undefined> = {
  read(value, path) {
    if (absent(value)) return undefined
    if (typeof value === 'boolean') return value
    const word = typeof value === 'string' ? value.toLowerCase() : undefined
    if (word === 'true' || word === 'false') return word === 'true'
    throw wrong(value, path)
  },
}

/** One of some names; the protocol's enums travel by name. */
export const oneOf = <const Name extends string>(names: readonly Name[]): Field<Name | undefined> => ({
  read(value, path) {
    if (absent(value)) return undefined
    const found = names.find((name) => name === value)
    if (found === undefined) throw wrong(value, path)
    return found
  },
})

/** Most items of a list. */
const itemsMax = 100_000

/** A list; absent is the empty one. A query gives one value bare. */
export const list = <T>(item: Field<T>): Field<readonly T[]> => ({
  read(value, path) {
    if (absent(value)) return []
    const items = Array.isArray(value) ? (value as Raw[]) : typeof value === 'string' ? [value] : undefined
    if (items === undefined || items.length > itemsMax) throw wrong(value, path)
    return items.map((each, index) => item.read(each, `${path}[${index}]`))
  },
})

/** An object; names that aren't listed are ignored, as a newer client may send them. */
export const object = <F extends Fields>(fields: F): Field<Values<F> | undefined> => {
  const names = Object.keys(fields)
  return {
    read(value, path) {
      if (absent(value)) return undefined
      if (typeof value !== 'object' || Array.isArray(value)) throw wrong(value, path)
      const given = value as Readonly<Record<string, Raw>>
      const values: Record<string, unknown> = {}
      for (const name of names) {
        const raw = Object.hasOwn(given, name) ? given[name] : undefined
        values[name] = fields[name]?.read(raw, path === '' ? name : `${path}.${name}`)
      }
      return values as Values<F>
    },
  }
}

/** A field that must be there and not be empty. */
export const required = <T>(field: Field<T | undefined>): Field<T> => ({
  read(value, path) {
    const result = value === '' ? undefined : field.read(value, path)
    if (result === undefined || (Array.isArray(result) && result.length === 0)) throw missing(path)
    return result
  },
})

/** A text, empty when absent. */
export const textOr = (fallback: string): Field<string> => ({
  read: (value, path) => text.read(value, path) ?? fallback,
})

/** Items of a list of objects. */
export const items = <F extends Fields>(fields: F): Field<readonly Values<F>[]> => list(required(object(fields)))

/** The refusal of a body that isn't JSON. */
export const notJson = (error: JsonError): Error =>
  fail('invalid_parameter', { reason: `The request body is not valid JSON: ${error.message}` }, error)
