import { didYouMean } from '../lib/index.ts'
import type { Field, FieldKind } from './spec-fields.ts'

/** Where problems are gathered. A file that is wrong everywhere needn't be told of everywhere. */
export class Problems {
  static readonly max = 50
  readonly list: string[] = []

  add(path: string, problem: string): undefined {
    if (this.list.length < Problems.max) this.list.push(path === '' ? problem : `${path}: ${problem}`)
    return undefined
  }
}

const textCharactersMax = 10_000

const sizeUnits: Readonly<Record<string, number>> = {
  b: 1,
  kib: 1024,
  mib: 1024 ** 2,
  gib: 1024 ** 3,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
}

/** The value of a field as the spec has it; undefined once what is wrong with it has been told. */
const checkField = (type: FieldKind, value: unknown, path: string, problems: Problems): unknown => {
  switch (type.kind) {
    case 'object':
      return checkObject(type.fields, value, path, problems)
    case 'list':
      if (!Array.isArray(value)) return problems.add(path, 'must be a list')
      if (value.length > type.max) return problems.add(path, `has ${value.length} entries; the limit is ${type.max}`)
      return value.map((entry, index) => checkField(type.of, entry, `${path}[${index}]`, problems))
    case 'map':
      return checkMap(type, value, path, problems)
    case 'values':
      return Array.isArray(value) ? value : problems.add(path, 'must be a list of values')
    case 'boolean':
      return typeof value === 'boolean' ? value : problems.add(path, 'must be true or false')
    default:
      return checkScalar(type, value, path, problems)
  }
}

const isWithin = (value: unknown, { min, max }: { readonly min: number; readonly max: number }): boolean =>
  typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max

const checkScalar = (
  type: Exclude<FieldKind, { readonly kind: 'object' | 'list' | 'map' | 'values' | 'boolean' }>,
  value: unknown,
  path: string,
  problems: Problems,
): unknown => {
  switch (type.kind) {
    case 'integer':
      return isWithin(value, type)
        ? value
        : problems.add(path, `must be a whole number from ${type.min} to ${type.max}`)
    case 'bytes': {
      const bytes = sizeOf(value)
      if (bytes === undefined) return problems.add(path, 'must be a size such as 512MiB or 2GiB')
      return bytes >= type.min ? bytes : problems.add(path, `must be at least ${type.min} bytes`)
    }
    case 'enum': {
      if (typeof value === 'string' && type.values.includes(value)) return value
      const near = typeof value === 'string' ? didYouMean(value.slice(0, 100), type.values) : ''
      return problems.add(path, `must be one of ${type.values.join(', ')}${near}`)
    }
    case 'text':
      return checkText(type, value, path, problems)
  }
}

const checkText = (
  { pattern, what }: Extract<FieldKind, { readonly kind: 'text' }>,
  value: unknown,
  path: string,
  problems: Problems,
): unknown => {
  if (typeof value !== 'string') return problems.add(path, 'must be a text (put it in quotes)')
  if (value === '') return problems.add(path, 'must not be empty')
  if (value.length > textCharactersMax) return problems.add(path, `is longer than ${textCharactersMax} characters`)
  return pattern?.test(value) === false ? problems.add(path, `must be ${what ?? 'another'}`) : value
}

const sizeOf = (value: unknown): number | undefined => {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? value : undefined
  if (typeof value !== 'string') return undefined
  const [, digits, unit = ''] = /^(\d+(?:\.\d+)?)\s*([A-Za-z]*)$/.exec(value.trim()) ?? []
  const factor =
    unit === '' ? 1 : Object.hasOwn(sizeUnits, unit.toLowerCase()) ? sizeUnits[unit.toLowerCase()] : undefined
  return digits === undefined || factor === undefined ? undefined : Math.round(Number(digits) * factor)
}

const entriesOf = (value: unknown, path: string, problems: Problems): readonly [string, unknown][] | undefined => {
  if (!(value instanceof Map)) return problems.add(path, 'must be an object with names and values')
  const entries: [string, unknown][] = []
  for (const [key, entry] of value as Map<unknown, unknown>) {
    if (typeof key === 'string') entries.push([key, entry])
    else problems.add(path, `has the name ${String(key).slice(0, 40)}, which is no text`)
  }
  return entries
}

const checkMap = (
  type: Extract<FieldKind, { readonly kind: 'map' }>,
  value: unknown,
  path: string,
  problems: Problems,
): unknown => {
  const entries = entriesOf(value, path, problems)
  if (entries === undefined) return undefined
  if (entries.length > type.max) return problems.add(path, `has ${entries.length} entries; the limit is ${type.max}`)
  return Object.fromEntries(
    entries.map(([name, entry]) => [name, checkField(type.of, entry, `${path}.${name.slice(0, 100)}`, problems)]),
  )
}

/** Checks an object, as a map, by its fields; names that it doesn't have are refused with the nearest that it has. */
export const checkObject = (
  fields: Readonly<Record<string, Field>>,
  value: unknown,
  path: string,
  problems: Problems,
): unknown => {
  const entries = entriesOf(value, path, problems)
  if (entries === undefined) return undefined
  const at = path === '' ? '' : `${path}.`
  const object: Record<string, unknown> = {}
  for (const [name, entry] of entries) {
    const field = Object.hasOwn(fields, name) ? fields[name] : undefined
    if (field === undefined)
      problems.add(
        '',
        `${at}${name.slice(0, 100)}: there is no such field${didYouMean(name.slice(0, 100), Object.keys(fields))}`,
      )
    else object[name] = checkField(field.type, entry, `${at}${name}`, problems)
  }
  for (const [name, field] of Object.entries(fields))
    if (field.required === true && !entries.some(([given]) => given === name))
      problems.add(`${at}${name}`, 'is missing')
  return object
}
