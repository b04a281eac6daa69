import { pino } from 'pino'
import type { LogFields, Logger } from '../lib/index.ts'

export interface LogOptions {
  readonly level: 'debug' | 'info' | 'warn' | 'error' | 'silent'
  /** Takes one line at a time, ended. */
  write(line: string): void
}

/** Field names whose values never reach a log. */
const secretFields = ['authorization', 'key', 'token', 'password', 'secret', 'cookie']

/** Opens a log of JSON lines: time, level, event, fields. Names from clients stay inside their JSON strings, so no text can forge a line. */
export const openLogger = ({ level, write }: LogOptions): Logger => {
  const log = pino(
    {
      level,
      base: null,
      messageKey: 'event',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: [...secretFields, ...secretFields.map((field) => `*.${field}`)], censor: '***' },
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
