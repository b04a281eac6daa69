/** One element of DER (X.690): its tag and its content. */
export interface DerElement {
  readonly tag: number
  readonly content: Uint8Array
}

export const derTags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  sequence: 0x30,
} as const

const damaged = (): Error => new RangeError('the DER is damaged')

/** Elements of one level are bounded, as certificates have few. */
const elementsMax = 1000

/** The elements that stand one after another. Throws RangeError for damaged input. */
export const readDer = (bytes: Uint8Array): DerElement[] => {
  const elements: DerElement[] = []
  let at = 0
  while (at < bytes.length) {
    const tag = bytes[at]
    const first = bytes[at + 1]
    // Tags of several bytes don't occur in certificates.
    if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f || elements.length === elementsMax)
      throw damaged()
    let length = first
    let start = at + 2
    if (first >= 0x80) {
      const count = first & 0x7f
      if (count === 0 || count > 4) throw damaged()
      length = 0
      for (let index = 0; index < count; index++) length = length * 256 + (bytes[start + index] ?? NaN)
      start += count
    }
    const end = start + length
    if (!(end <= bytes.length)) throw damaged()
    elements.push({ tag, content: bytes.subarray(start, end) })
    at = end
  }
  return elements
}

/** An object identifier in its dotted form. */
export const oidText = (content: Uint8Array): string => {
  const parts: number[] = []
  let value = 0
  for (const byte of content) {
    value = value * 128 + (byte & 0x7f)
    if (byte >= 0x80) continue
    if (parts.length === 0)
      parts.push(Math.min(2, Math.floor(value / 40)), value - 40 * Math.min(2, Math.floor(value / 40)))
    else parts.push(value)
    value = 0
  }
  return parts.join('.')
}
