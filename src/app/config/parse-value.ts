import type { Option, OptionValue } from '../../lib/index.ts'

const durationUnits: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }
const byteUnits: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 1024,
  mib: 1024 ** 2,
  gib: 1024 ** 3,
  tib: 1024 ** 4,
}

const withUnit = (text: string, units: Readonly<Record<string, number>>): number => {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text.trim())
  if (match === null) return Number.NaN
  const unit = match[2]?.toLowerCase() ?? ''
  const factor = unit === '' ? 1 : Object.hasOwn(units, unit) ? (units[unit] ?? Number.NaN) : Number.NaN
  return Math.round(Number(match[1]) * factor)
}

/** Reads a value as text gives it, or as YAML does. A string is what is wrong with it. */
export const parseValue = (option: Option, given: unknown): { readonly value: OptionValue } | string => {
  switch (option.type) {
    case 'list':
      return parseList(given)
    case 'boolean':
      return parseBoolean(given)
    case 'string':
    case 'enum': {
      if (typeof given === 'object' || given === undefined) return 'must be a text'
      const text = String(given)
      if (option.type === 'enum' && !option.values.includes(text))
        return `must be one of ${option.values.filter((value) => value !== '').join(', ')}, not '${text}'`
      return { value: text }
    }
    default:
      return parseNumber(option, given)
  }
}

const parseList = (given: unknown): { readonly value: readonly string[] } | string => {
  if (Array.isArray(given))
    return given.every((entry) => typeof entry === 'string') ? { value: given } : 'must be a list of texts'
  if (typeof given !== 'string') return 'must be a list of texts'
  return { value: given === '' ? [] : given.split(',').map((entry) => entry.trim()) }
}

const parseBoolean = (given: unknown): { readonly value: boolean } | string => {
  if (given === true || given === 'true' || given === '1') return { value: true }
  if (given === false || given === 'false' || given === '0') return { value: false }
  return `must be true or false, not '${String(given)}'`
}

type NumberOption = Extract<Option, { readonly type: 'integer' | 'number' | 'duration' | 'bytes' }>

const examples: Readonly<Record<NumberOption['type'], string>> = {
  integer: 'a whole number',
  number: 'a number',
  duration: 'a duration such as 250ms, 10s or 5m',
  bytes: 'a size such as 64MiB or 1GB',
}

const parseNumber = (option: NumberOption, given: unknown): { readonly value: number } | string => {
  const value = typeof given === 'number' ? given : numberOf(option, String(given))
  const whole = option.type === 'integer' || option.type === 'bytes'
  if (!Number.isFinite(value) || (whole && !Number.isInteger(value)))
    return `must be ${examples[option.type]}, not '${String(given)}'`
  if (option.min !== undefined && value < option.min) return `must be at least ${option.min}, not ${value}`
  if (option.max !== undefined && value > option.max) return `must be at most ${option.max}, not ${value}`
  return { value }
}

const numberOf = (option: NumberOption, text: string): number => {
  if (option.type === 'duration') return withUnit(text, durationUnits)
  if (option.type === 'bytes') return withUnit(text, byteUnits)
  return text.trim() === '' ? Number.NaN : Number(text)
}
