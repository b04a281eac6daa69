import { fail } from '../../protocol/index.ts'
import { excerpt } from '../limits.ts'

/** Ids come from callers and stand in paths of artifacts, so that they hold nothing but letters, digits, `_` and `-`. */
export const requireTraceId = (traceId: string): string => {
  if (/^[a-zA-Z0-9][\w-]{0,99}$/.test(traceId)) return traceId
  throw fail('invalid_parameter', { reason: `Invalid trace ID: '${excerpt(traceId)}'` })
}

/** Where a trace's files go: below its experiment's. */
export const artifactUriOf = (experimentLocation: string, traceId: string): string =>
  `${experimentLocation.replace(/\/$/, '')}/traces/${traceId}/artifacts`

export const noTrace = (traceId: string): never => {
  throw fail('resource_missing', { reason: `Trace with ID '${excerpt(traceId)}' not found.` })
}
