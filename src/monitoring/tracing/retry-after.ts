/** Delay that a Retry-After header asks for, ms: seconds or an HTTP date (RFC 9110, section 10.2.3); undefined when it says neither. */
export const retryAfterMs = (header: string | undefined, wallMs: number): number | undefined => {
  if (header === undefined) return undefined
  const text = header.trim()
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000
  const atMs = /^[A-Z][a-z]{2}, /.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - wallMs)
}
