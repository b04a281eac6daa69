import type { ByteRange } from '../../ports/index.ts'

/**
 * The range that a Range header asks for of so many bytes (RFC 9110, section 14.2). Undefined for the whole, also when
 * the header is of another unit, has several ranges or can't be read; `outside` when nothing of it is there.
 */
export const byteRange = (header: string | undefined, bytes: number): ByteRange | 'outside' | undefined => {
  const [, first = '', last = ''] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? '') ?? []
  if (first === '' && last === '') return undefined
  if (first === '') {
    const length = Math.min(Number(last), bytes)
    return length === 0 ? 'outside' : { start: bytes - length, end: bytes }
  }
  const start = Number(first)
  const end = last === '' ? bytes : Math.min(Number(last) + 1, bytes)
  if (last !== '' && Number(last) < start) return undefined
  return start >= bytes ? 'outside' : { start, end }
}
