import { errorCode } from './codes.ts'
import { ConnectionError } from './connection-error.ts'
import type { HeaderField } from './header-field.ts'
import { headerField } from './header-field.ts'
import { huffmanText } from './huffman.ts'
import { staticTable } from './static-table.ts'

/** Size of the table, which this side never offers to change (RFC 9113, section 6.5.2). */
const tableBytesMax = 4096
/** Integers have at most this many bytes after their first: 28 bits, more than any size or number here. */
const integerBytesMax = 4

const damaged = (what: string): ConnectionError => new ConnectionError(errorCode.compression, `header block: ${what}`)

/** Reads header blocks (RFC 7541). Fields that are in a table are handed out as they are, without making a string. */
export class HpackDecoder {
  readonly #listBytesMax: number
  /** The newest field is the last. */
  #table: HeaderField[] = []
  #tableBytes = 0
  #tableBytesMax = tableBytesMax
  #block: Buffer = Buffer.alloc(0)
  #at = 0

  constructor(listBytesMax: number) {
    this.#listBytesMax = listBytesMax
  }

  /**
   * The fields of a block; undefined when they are more than the limit. Such a block is read to its end all the same,
   * since it changes the table. Throws a ConnectionError.
   */
  decode(block: Buffer): HeaderField[] | undefined {
    this.#block = block
    this.#at = 0
    const fields: HeaderField[] = []
    let bytes = 0
    while ((block[this.#at] ?? 0) >> 5 === 1) this.#resize()
    while (this.#at < block.length) {
      const field = this.#field(block[this.#at] as number)
      bytes += field.bytes
      if (bytes <= this.#listBytesMax) fields.push(field)
    }
    return bytes <= this.#listBytesMax ? fields : undefined
  }

  /** A field in one of its forms (RFC 7541, section 6). */
  #field(first: number): HeaderField {
    if (first >= 0x80) return this.#known(this.#integer(7))
    if (first >= 0x40) {
      const field = this.#literal(6)
      this.#insert(field)
      return field
    }
    if (first >= 0x20) throw damaged('a change of the table size after a field')
    return this.#literal(4)
  }

  #known(index: number): HeaderField {
    const { length } = staticTable
    const field = index <= length ? staticTable[index - 1] : this.#table[this.#table.length - (index - length)]
    if (field === undefined) throw damaged(`no field has the number ${index}`)
    return field
  }

  #literal(prefixBits: number): HeaderField {
    const index = this.#integer(prefixBits)
    const name = index === 0 ? this.#text() : this.#known(index).name
    return headerField(name, this.#text())
  }

  #insert(field: HeaderField): void {
    this.#tableBytes += field.bytes
    this.#table.push(field)
    this.#evict()
  }

  /** Drops the oldest fields (RFC 7541, section 4.4); one that is larger than the table empties it. */
  #evict(): void {
    let count = 0
    while (this.#tableBytes > this.#tableBytesMax) {
      this.#tableBytes -= this.#table[count]?.bytes ?? 0
      count += 1
    }
    if (count > 0) this.#table.splice(0, count)
  }

  #resize(): void {
    const bytes = this.#integer(5)
    if (bytes > tableBytesMax) throw damaged(`a table of ${bytes} bytes`)
    this.#tableBytesMax = bytes
    this.#evict()
  }

  /** RFC 7541, section 5.1. */
  #integer(prefixBits: number): number {
    const mask = (1 << prefixBits) - 1
    let value = this.#byte() & mask
    if (value < mask) return value
    for (let count = 0; count < integerBytesMax; count += 1) {
      const byte = this.#byte()
      value += (byte & 0x7f) << (7 * count)
      if (byte < 0x80) return value
    }
    throw damaged('an integer that is too large')
  }

  /** RFC 7541, section 5.2. */
  #text(): string {
    const coded = (this.#block[this.#at] ?? 0) >= 0x80
    const length = this.#integer(7)
    const from = this.#at
    const to = from + length
    if (to > this.#block.length) throw damaged('it ends within a string')
    this.#at = to
    return coded ? huffmanText(this.#block, from, to) : this.#block.toString('latin1', from, to)
  }

  #byte(): number {
    const byte = this.#block[this.#at]
    if (byte === undefined) throw damaged('it ends within a field')
    this.#at += 1
    return byte
  }
}
