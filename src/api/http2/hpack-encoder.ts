import { staticTable } from './static-table.ts'

export type HeaderList = readonly (readonly [name: string, value: string])[]

/** Tells a client with a smaller table than HPACK's own that none is used (RFC 7541, section 4.2). */
export const emptyTable = Buffer.of(0x20)

/**
 * A header block that puts nothing into a table, so that it is right at any time on any connection and can be made
 * ahead (RFC 7541, section 6.2.2).
 */
export const encodeHeaders = (fields: HeaderList): Buffer => {
  const bytes: number[] = []
  for (const [name, value] of fields) {
    const same = staticTable.findIndex((field) => field.name === name && field.value === value) + 1
    if (same > 0) {
      integer(bytes, 0x80, 7, same)
      continue
    }
    const named = staticTable.findIndex((field) => field.name === name) + 1
    integer(bytes, 0, 4, named)
    if (named === 0) text(bytes, name)
    text(bytes, value)
  }
  return Buffer.from(bytes)
}

/** RFC 7541, section 5.1. */
const integer = (bytes: number[], pattern: number, prefixBits: number, value: number): void => {
  const mask = (1 << prefixBits) - 1
  if (value < mask) {
    bytes.push(pattern | value)
    return
  }
  bytes.push(pattern | mask)
  let rest = value - mask
  for (; rest > 127; rest >>= 7) bytes.push((rest & 127) | 128)
  bytes.push(rest)
}

/** Without Huffman coding, which saves few bytes and costs both sides time. */
const text = (bytes: number[], value: string): void => {
  const encoded = Buffer.from(value, 'latin1')
  integer(bytes, 0, 7, encoded.length)
  for (const byte of encoded) bytes.push(byte)
}
