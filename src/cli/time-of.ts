import { UsageError } from './command.ts'

const days = /^\d{4}-\d\d-\d\d$/
const minutes = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?)(Z|[+-]\d\d:\d\d)?$/

/** A time as people write it, as Unix ms: a day, a time of a day (UTC unless it says otherwise), or the number itself. */
export const timeOf = (text: string, what: string): number => {
  const [, day, time, zone = 'Z'] = minutes.exec(text) ?? []
  const ms = /^\d{10,15}$/.test(text)
    ? Number(text)
    : Date.parse(days.test(text) ? `${text}T00:00Z` : day === undefined ? '' : `${day}T${time ?? ''}${zone}`)
  if (Number.isNaN(ms) || ms < 0)
    throw new UsageError(`${what} '${text}' is no time such as 2026-11-24, 2026-11-24T10:31 (UTC) or Unix ms`)
  return ms
}
