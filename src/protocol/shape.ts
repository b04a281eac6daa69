import { fail } from './errors.ts'
import type { MetricValue } from './run-types.ts'

interface Described {
  readonly description?: string
}

/** What a value must look like: the part of JSON Schema that inputs of operations need. */
export type Shape = Described &
  (
    | { readonly type: 'string'; readonly enum?: readonly string[]; readonly maxLength?: number }
    | { readonly type: 'integer'; readonly minimum?: number; readonly maximum?: number }
    /** JSON has no word for them, so NaN, Infinity and -Infinity come as text. */
    | { readonly type: 'number' }
    | { readonly type: 'boolean' }
    | { readonly type: 'array'; readonly items: Shape; readonly maxItems: number }
    | ObjectShape
  )

export interface ObjectShape extends Described {
  readonly type: 'object'
  readonly properties: Readonly<Record<string, Shape>>
  readonly required?: readonly string[]
}

const refuse = (path: string, what: string): never => {
  throw fail('invalid_request', { reason: `${path === '' ? 'the input' : `'${path}'`} ${what}` })
}

const textMax = 1_000_000

const readText = (shape: Shape & { readonly type: 'string' }, value: unknown, path: string): string => {
  if (typeof value !== 'string') return refuse(path, 'must be a text')
  if (shape.enum !== undefined && !shape.enum.includes(value)) refuse(path, `must be one of ${shape.enum.join(', ')}`)
  if (value.length > (shape.maxLength ?? textMax))
    refuse(path, `must have at most ${shape.maxLength ?? textMax} characters`)
  return value
}

const readInteger = (shape: Shape & { readonly type: 'integer' }, value: unknown, path: string): number => {
  const number = typeof value === 'string' && /^-?\d{1,16}$/.test(value) ? Number(value) : value
  if (typeof number !== 'number' || !Number.isSafeInteger(number)) return refuse(path, 'must be a whole number')
  const { minimum = Number.MIN_SAFE_INTEGER, maximum = Number.MAX_SAFE_INTEGER } = shape
  if (number < minimum || number > maximum) refuse(path, `must be ${minimum} to ${maximum}`)
  return number
}

const words: Readonly<Record<string, number>> = { NaN, Infinity, '-Infinity': -Infinity }

/** A number as JSON carries it: NaN and the infinities as text. */
export const jsonNumber = (value: number): MetricValue =>
  Number.isFinite(value) ? value : (String(value) as MetricValue)

const readNumber = (value: unknown, path: string): number => {
  if (typeof value === 'number') return value
  const word = typeof value === 'string' && Object.hasOwn(words, value) ? words[value] : undefined
  return word ?? refuse(path, 'must be a number, or NaN, Infinity or -Infinity as text')
}

const readObject = (shape: ObjectShape, value: unknown, path: string): Record<string, unknown> => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return refuse(path, 'must be an object')
  const at = (key: string): string => (path === '' ? key : `${path}.${key}`)
  const given = value as Readonly<Record<string, unknown>>
  for (const key of Object.keys(given))
    if (!Object.hasOwn(shape.properties, key))
      refuse(at(key), `is not known; known are ${Object.keys(shape.properties).join(', ')}`)
  const read: Record<string, unknown> = {}
  for (const [key, property] of Object.entries(shape.properties)) {
    const raw = Object.hasOwn(given, key) ? given[key] : undefined
    if (raw !== undefined && raw !== null) read[key] = readShape(property, raw, at(key))
    else if (shape.required?.includes(key) === true) refuse(at(key), 'is missing')
  }
  return read
}

/**
 * A value that has a shape. Numbers and booleans may come as text, as queries carry them; keys that the shape doesn't
 * have are refused, since they are most often mistyped. Fails with `invalid_request`, naming the field.
 */
export const readShape = (shape: Shape, value: unknown, path = ''): unknown => {
  switch (shape.type) {
    case 'string':
      return readText(shape, value, path)
    case 'integer':
      return readInteger(shape, value, path)
    case 'number':
      return readNumber(value, path)
    case 'boolean':
      if (value === true || value === 'true') return true
      return value === false || value === 'false' ? false : refuse(path, 'must be true or false')
    case 'array': {
      const items: readonly unknown[] = Array.isArray(value) ? value : refuse(path, 'must be a list')
      if (items.length > shape.maxItems) refuse(path, `must have at most ${shape.maxItems} items`)
      return items.map((item, index) => readShape(shape.items, item, `${path}[${index}]`))
    }
    case 'object':
      return readObject(shape, value, path)
  }
}
