import { pino } from 'pino'
import type { LogFields, Logger } from '../lib/index.ts'
import { redactFields } from './redact-fields.ts'

export interface LogOptions {
  readonly level: 'debug' | 'info' | 'warn' | 'error' | 'silent'
  /** Takes one line at a time, ended. */
  write(line: string): void
}

/** Keys of the line itself; a field of that name would come second and win with most readers. */
const lineKeys = ['level', 'time', 'event'] as const

/**
 * Opens a log of JSON lines: time, level, event, fields. Secrets in fields are replaced by ***, an error is told with
 * its causes. Names from clients stay inside their JSON strings, so no text can forge a line.
 */
export const openLogger = ({ level, write }: LogOptions): Logger => {
  const log = pino(
    {
      level,
      base: null,
      messageKey: 'event',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }), log: lineFields },
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

const lineFields = (fields: Record<string, unknown>): Record<string, unknown> => {
  const line = redactFields(fields)
  for (const key of lineKeys) {
    if (!Object.hasOwn(line, key)) continue
    line[`field_${key}`] = line[key]
    delete line[key]
  }
  return line
}
