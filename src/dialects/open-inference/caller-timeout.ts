import { fail } from '../../protocol/index.ts'

/** How long a caller waits, by its header `slipway-timeout-ms`. */
export const callerTimeout = (header: string | undefined): number | undefined => {
  if (header === undefined) return undefined
  const timeoutMs = Number(header)
  if (!Number.isFinite(timeoutMs) || timeoutMs <= 0) {
    throw fail('invalid_request', { reason: 'slipway-timeout-ms must be a number of milliseconds above 0' })
  }
  return timeoutMs
}
