export interface Traceparent {
  readonly traceId: string
  readonly parentId: string
  readonly sampled: boolean
}

/** Reads a W3C traceparent (Trace Context, section 3.2); undefined for anything that isn't one, which then starts a new trace. */
export const parseTraceparent = (header: string): Traceparent | undefined => {
  const match = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/.exec(header.trim())
  if (match === null) return undefined
  const [, version = '', traceId = '', parentId = '', flags = '', rest] = match
  const extended = version !== '00'
  if (version === 'ff' || (!extended && rest !== undefined)) return undefined
  if (/^0+$/.test(traceId) || /^0+$/.test(parentId)) return undefined
  return { traceId, parentId, sampled: (Number.parseInt(flags, 16) & 1) === 1 }
}
