import { fail } from '../../../protocol/index.ts'

/** Refuses texts and keys with a NUL, which not every database keeps, by the name of their field. */
export const requireNoNul = (value: unknown, path = ''): void => {
  if (typeof value === 'string' && value.includes('\0'))
    throw fail('invalid_request', { reason: `'${path}' must not hold a NUL character` })
  if (typeof value !== 'object' || value === null) return
  for (const [key, item] of Object.entries(value)) {
    const at = Array.isArray(value) ? `${path}[${key}]` : path === '' ? key : `${path}.${key}`
    requireNoNul(key, at)
    requireNoNul(item, at)
  }
}
