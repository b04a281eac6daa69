import { readSync } from 'node:fs'
import { ProtobufError, wireTypes } from '../../../lib/index.ts'

/** One field of a protobuf message in a file: where its value lies, or the number it is. */
export interface FileField {
  readonly field: number
  readonly wireType: number
  /** For a length-delimited field, where its bytes start and end in the file. */
  readonly start: number
  readonly end: number
  /** For a varint, its value; values beyond 2^53 come out inexact, never small. */
  readonly number: number
}

interface Varint {
  readonly value: number
  readonly next: number
}

const windowBytes = 64 * 1024
/** Some twenty seconds of reading. A forest has a field a number, so the largest of them have tens of millions. */
const fieldsMax = 100_000_000
/** A tag has 32 bits. Readers drop the bits above, so with them one file could mean two different models. */
const tagMax = 0xffff_ffff

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Reads protobuf messages from a file by position, a window at a time: weights are skipped, never read, so a file of
 * any size costs the same memory. Stricter than other readers where they differ among each other.
 */
export class FileFields {
  readonly #fd: number
  readonly #window = Buffer.alloc(windowBytes)
  #windowStart = 0
  #windowEnd = 0
  #fields = 0

  constructor(fd: number) {
    this.#fd = fd
  }

  /** The fields of the message in a field. */
  message(field: FileField): Generator<FileField> {
    return this.of(...this.#extent(field))
  }

  /** The fields of the message between two positions. Throws ProtobufError when they don't add up. */
  *of(start: number, end: number): Generator<FileField> {
    let at = start
    while (at < end) {
      if (++this.#fields > fieldsMax) throw new ProtobufError(`more than ${fieldsMax} fields`)
      const tag = this.#varint(at, end)
      if (tag.value > tagMax) throw new ProtobufError(`a tag of more than 32 bits at byte ${at}`)
      at = tag.next
      const field = Math.floor(tag.value / 8)
      const wireType = tag.value % 8
      const value = this.#value(wireType, at, end)
      if (field === 0 || value.next > end) throw new ProtobufError(`a field runs beyond its message at byte ${at}`)
      yield { field, wireType, start: value.start, end: value.next, number: value.value }
      at = value.next
    }
  }

  /** The whole value of a short field. Throws ProtobufError when it is longer than `bytesMax` or not UTF-8. */
  text(field: FileField, bytesMax = 4096): string {
    const [start, end] = this.#extent(field)
    if (end - start > bytesMax)
      throw new ProtobufError(`a text of ${end - start} bytes at byte ${start}, the limit is ${bytesMax}`)
    try {
      return utf8.decode(this.#bytes(start, end - start))
    } catch (error) {
      if (error instanceof ProtobufError) throw error
      throw new ProtobufError(`a text at byte ${start} is not valid UTF-8`)
    }
  }

  /** At most the first `bytesMax` bytes of a text that is only shown, never acted upon. */
  excerpt(field: FileField, bytesMax: number): string {
    const [start, end] = this.#extent(field)
    return this.#bytes(start, Math.min(end - start, bytesMax)).toString('utf8')
  }

  /** The value of an enumeration, or another number of 31 bits: others cut longer ones, each in its way. */
  small(field: FileField): number {
    if (field.wireType !== wireTypes.varint || field.number > 0x7fff_ffff)
      throw new ProtobufError(`field ${field.field} is not a small number at byte ${field.start}`)
    return field.number
  }

  /** The numbers of a repeated field, packed or one alone. */
  *numbers(field: FileField, bytesMax: number): Generator<number> {
    if (field.wireType === wireTypes.varint) {
      yield field.number
      return
    }
    const [start, end] = this.#extent(field)
    if (end - start > bytesMax) throw new ProtobufError(`a list of ${end - start} bytes at byte ${start}`)
    for (let at = start; at < end;) {
      const { value, next } = this.#varint(at, end)
      yield value
      at = next
    }
  }

  #extent(field: FileField): [start: number, end: number] {
    if (field.wireType !== wireTypes.bytes)
      throw new ProtobufError(`field ${field.field} has the wire type ${field.wireType} at byte ${field.start}`)
    return [field.start, field.end]
  }

  #value(wireType: number, at: number, end: number): Varint & { readonly start: number } {
    switch (wireType) {
      case wireTypes.varint:
        return { start: at, ...this.#varint(at, end) }
      case wireTypes.fixed64:
        return { start: at, next: at + 8, value: 0 }
      case wireTypes.fixed32:
        return { start: at, next: at + 4, value: 0 }
      case wireTypes.bytes: {
        const length = this.#varint(at, end)
        return { start: length.next, next: length.next + length.value, value: 0 }
      }
      default:
        throw new ProtobufError(`wire type ${wireType} at byte ${at}`)
    }
  }

  #varint(at: number, end: number): Varint {
    let value = 0
    let scale = 1
    for (let i = 0; i < 10; i++) {
      if (at + i >= end) break
      const byte = this.#byte(at + i)
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return { value, next: at + i + 1 }
      scale *= 128
    }
    throw new ProtobufError(`a broken number at byte ${at}`)
  }

  #byte(at: number): number {
    if (at < this.#windowStart || at >= this.#windowEnd) this.#fill(at)
    return this.#window[at - this.#windowStart] ?? 0
  }

  /** A view of at most a window's bytes, valid until the next call. */
  #bytes(at: number, length: number): Buffer {
    const size = Math.min(length, windowBytes)
    if (at < this.#windowStart || at + size > this.#windowEnd) this.#fill(at)
    if (at + size > this.#windowEnd) throw new ProtobufError('the file ends early')
    return this.#window.subarray(at - this.#windowStart, at - this.#windowStart + size)
  }

  #fill(at: number): void {
    this.#windowStart = at
    this.#windowEnd = at
    while (this.#windowEnd < at + windowBytes) {
      const filled = this.#windowEnd - at
      const read = readSync(this.#fd, this.#window, filled, windowBytes - filled, this.#windowEnd)
      if (read === 0) break
      this.#windowEnd += read
    }
    if (this.#windowEnd === at) throw new ProtobufError('the file ends early')
  }
}
