import type { Condition, MetricDataset, NotWorseThan } from './policy.ts'
import { comparisons } from './policy.ts'
import type { Problems } from './problems.ts'

const kinds = ['metric', 'signature', 'driftBaseline', 'approval', 'tag', 'signed'] as const
const metricFields = ['key', 'dataset', 'op', 'value', 'min', 'max', 'notWorseThan', 'tolerance', 'direction'] as const

const keyLengthMax = 250
const nameLengthMax = 500
const peopleMax = 100

/** Reads one condition; what is wrong goes to the problems. */
export const parseCondition = (value: unknown, path: string, problems: Problems): Condition | undefined => {
  const entries = problems.entries(value, path)
  if (entries === undefined) return undefined
  const [entry] = entries
  if (entry === undefined || entries.length > 1) return problems.add(path, `must have one key: ${kinds.join(', ')}`)
  const [key, content] = entry
  const kind = problems.oneOf(key, `${path}.${key}`, kinds)
  const at = `${path}.${key}`
  switch (kind) {
    case 'metric':
      return metric(content, at, problems)
    case 'signature':
      return signature(content, at, problems)
    case 'approval':
      return approval(content, at, problems)
    case 'tag':
      return tag(content, at, problems)
    case 'driftBaseline':
    case 'signed':
      return content === true ? { kind } : problems.add(at, 'must be true')
    default:
      return undefined
  }
}

/** `@champion` without its @. */
const reference = (value: unknown, path: string, problems: Problems): string | undefined => {
  const [, alias] = typeof value === 'string' ? (/^@([\w-]{1,255})$/.exec(value) ?? []) : []
  return alias ?? problems.add(path, "must name an alias with its @, as in '@champion'")
}

const optional = <T>(value: unknown, read: (given: unknown) => T | undefined): T | undefined =>
  value === undefined ? undefined : read(value)

const metric = (value: unknown, path: string, problems: Problems): Condition | undefined => {
  const fields = problems.fields(value, path, metricFields)
  if (fields === undefined) return undefined
  const numberAt = (name: string): number | undefined =>
    optional(fields[name], (given) => problems.number(given, `${path}.${name}`))
  const key = problems.text(fields['key'], `${path}.key`, keyLengthMax)
  const min = numberAt('min')
  const max = numberAt('max')
  const bound = numberAt('value')
  const op = optional(fields['op'], (given) => problems.oneOf(given, `${path}.op`, comparisons))
  if ((fields['op'] === undefined) !== (fields['value'] === undefined)) problems.add(path, 'op and value go together')
  if (min !== undefined && max !== undefined && min > max) problems.add(path, `nothing is from ${min} to ${max}`)
  if (['op', 'min', 'max', 'notWorseThan'].every((name) => fields[name] === undefined))
    problems.add(path, 'asks for nothing: give min, max, op with value, or notWorseThan')
  if (key === undefined) return undefined
  return {
    kind: 'metric',
    key,
    dataset: optional(fields['dataset'], (given) => dataset(given, `${path}.dataset`, problems)),
    min,
    max,
    compare: op === undefined || bound === undefined ? undefined : { op, value: bound },
    notWorseThan: notWorseThan(fields, path, problems),
  }
}

const dataset = (value: unknown, path: string, problems: Problems): MetricDataset | undefined => {
  if (typeof value === 'string') {
    const name = problems.text(value, path, nameLengthMax)
    return name === undefined ? undefined : { name, digest: undefined }
  }
  const fields = problems.fields(value, path, ['name', 'digest'])
  if (fields === undefined) return undefined
  const name = problems.text(fields['name'], `${path}.name`, nameLengthMax)
  const digest = optional(fields['digest'], (given) => problems.text(given, `${path}.digest`, nameLengthMax))
  return name === undefined ? undefined : { name, digest }
}

const notWorseThan = (
  fields: Readonly<Record<string, unknown>>,
  path: string,
  problems: Problems,
): NotWorseThan | undefined => {
  const { notWorseThan: given, tolerance: allowance = 0, direction: better } = fields
  if (given === undefined) {
    for (const name of ['tolerance', 'direction'])
      if (fields[name] !== undefined) problems.add(`${path}.${name}`, 'goes with notWorseThan only')
    return undefined
  }
  const alias = reference(given, `${path}.notWorseThan`, problems)
  const direction = problems.oneOf(better, `${path}.direction`, ['higher', 'lower'])
  const share = typeof allowance === 'string' ? /^(\d{1,3}(?:\.\d{1,6})?)%$/.exec(allowance)?.[1] : undefined
  const tolerance = share === undefined ? allowance : Number(share) / 100
  if (typeof tolerance !== 'number' || !Number.isFinite(tolerance) || tolerance < 0)
    return problems.add(`${path}.tolerance`, "must be a number of at least 0, or a share as in '1%'")
  if (alias === undefined || direction === undefined) return undefined
  return { alias, direction, tolerance, isRelative: share !== undefined }
}

const signature = (value: unknown, path: string, problems: Problems): Condition | undefined => {
  const fields = problems.fields(value, path, ['compatibleWith'])
  if (fields === undefined) return undefined
  const compatibleWith = reference(fields['compatibleWith'], `${path}.compatibleWith`, problems)
  return compatibleWith === undefined ? undefined : { kind: 'signature', compatibleWith }
}

const approval = (value: unknown, path: string, problems: Problems): Condition | undefined => {
  const fields = problems.fields(value, path, ['count', 'from', 'notAuthor'])
  if (fields === undefined) return undefined
  const { count = 1, from, notAuthor = true } = fields
  if (typeof count !== 'number' || !Number.isInteger(count) || count < 1 || count > peopleMax)
    return problems.add(`${path}.count`, `must be a whole number from 1 to ${peopleMax}`)
  if (typeof notAuthor !== 'boolean') return problems.add(`${path}.notAuthor`, 'must be true or false')
  const names = from === undefined ? undefined : people(from, `${path}.from`, problems)
  if (from !== undefined && names === undefined) return undefined
  if (names !== undefined && names.length < count)
    return problems.add(path, `${count} approvals can't come from ${names.length} people`)
  return { kind: 'approval', count, from: names, notAuthor }
}

const people = (value: unknown, path: string, problems: Problems): readonly string[] | undefined => {
  if (!Array.isArray(value) || value.length === 0 || value.length > peopleMax)
    return problems.add(path, `must be a list of 1 to ${peopleMax} names`)
  const names = value.map((each, index) => problems.text(each, `${path}[${index}]`, keyLengthMax))
  return [...new Set(names.filter((name) => name !== undefined))]
}

const tag = (value: unknown, path: string, problems: Problems): Condition | undefined => {
  const fields = problems.fields(value, path, ['key', 'value'])
  if (fields === undefined) return undefined
  const key = problems.text(fields['key'], `${path}.key`, keyLengthMax)
  const { value: wanted } = fields
  if (wanted !== undefined && typeof wanted !== 'string')
    return problems.add(`${path}.value`, 'must be a text (tags hold text: put numbers and truth values in quotes)')
  return key === undefined ? undefined : { kind: 'tag', key, value: wanted }
}
