import { pino } from 'pino'
import type { LogFields, Logger } from '../lib/index.ts'

export interface LogOptions {
  readonly level: 'debug' | 'info' | 'warn' | 'error' | 'silent'
  /** Takes one line at a time, ended. */
  write(line: string): void
}

/** Field names whose values never reach a log, in the spellings of headers and of code. */
const secretFields = [
  'authorization',
  'Authorization',
  'proxy-authorization',
  'key',
  'apiKey',
  'api_key',
  'api-key',
  'x-api-key',
  'X-Api-Key',
  'token',
  'password',
  'secret',
  'cookie',
  'set-cookie',
]

/** A secret is looked for in the fields, and in objects one and two levels below, e.g. request.headers.authorization. */
const secretPaths: string[] = secretFields
  .map((field) => `["${field}"]`)
  .flatMap((field) => [field, `*${field}`, `*.*${field}`])

/** Keys of the line itself; a field of that name would come second and win with most readers. */
const lineKeys = new Set(['level', 'time', 'event'])

/** Opens a log of JSON lines: time, level, event, fields. Names from clients stay inside their JSON strings, so no text can forge a line. */
export const openLogger = ({ level, write }: LogOptions): Logger => {
  const log = pino(
    {
      level,
      base: null,
      messageKey: 'event',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }), log: withoutLineKeys },
      redact: { paths: secretPaths, censor: '***' },
      serializers: { error: pino.stdSerializers.errWithCause },
    },
    { write },
  )
  return {
    debug: (event: string, fields: LogFields = {}) => log.debug(fields, event),
    info: (event: string, fields: LogFields = {}) => log.info(fields, event),
    warn: (event: string, fields: LogFields = {}) => log.warn(fields, event),
    error: (event: string, fields: LogFields = {}) => log.error(fields, event),
  }
}

const withoutLineKeys = (fields: Record<string, unknown>): Record<string, unknown> =>
  Object.keys(fields).some((key) => lineKeys.has(key))
    ? Object.fromEntries(
        Object.entries(fields).map(([key, value]) => [lineKeys.has(key) ? `field_${key}` : key, value]),
      )
    : fields
