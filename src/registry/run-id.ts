import { fail } from '../protocol/index.ts'
import { excerpt } from './limits.ts'

/** Run ids come from callers; what can't be one is refused before it is looked for. */
export const requireRunId = (runId: string): string => {
  if (/^[a-zA-Z0-9][\w-]{0,255}$/.test(runId)) return runId
  throw fail('invalid_parameter', { reason: `Invalid run ID: '${excerpt(runId)}'` })
}
