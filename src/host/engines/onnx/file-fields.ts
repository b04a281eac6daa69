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

const windowBytes = 64 * 1024
/** More fields than any real model has. */
const fieldsMax = 20_000_000

/**
 * Reads protobuf messages from a file by position, a window at a time: weights are skipped, never read, so a file of
 * any size costs the same memory.
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

  /** The fields of the message between two positions. Throws ProtobufError when they don't add up. */
  *of(start: number, end: number): Generator<FileField> {
    let at = start
    while (at < end) {
      if (++this.#fields > fieldsMax) throw new ProtobufError(`more than ${fieldsMax} fields`)
      const tag = this.#varint(at, end)
      at = tag.next
      const field = Math.floor(tag.value / 8)
      const wireType = tag.value % 8
      const value = this.#value(wireType, at, end)
      if (field === 0 || value.next > end) throw new ProtobufError(`a field runs beyond its message at byte ${at}`)
      yield { field, wireType, start: value.start, end: value.next, number: value.number }
      at = value.next
    }
  }

  /** The bytes between two positions, at most `bytesMax` of them. */
  bytes(start: number, end: number, bytesMax: number): Buffer {
    const buffer = Buffer.alloc(Math.min(end - start, bytesMax))
    for (let filled = 0; filled < buffer.length;) {
      const read = readSync(this.#fd, buffer, filled, buffer.length - filled, start + filled)
      if (read === 0) throw new ProtobufError('the file ends early')
      filled += read
    }
    return buffer
  }

  text(field: FileField, bytesMax = 4096): string {
    return this.bytes(field.start, field.end, bytesMax).toString('utf8')
  }

  #value(
    wireType: number,
    at: number,
    end: number,
  ): { readonly start: number; readonly next: number; readonly number: number } {
    switch (wireType) {
      case wireTypes.varint: {
        const { value, next } = this.#varint(at, end)
        return { start: at, next, number: value }
      }
      case wireTypes.fixed64:
        return { start: at, next: at + 8, number: 0 }
      case wireTypes.fixed32:
        return { start: at, next: at + 4, number: 0 }
      case wireTypes.bytes: {
        const { value, next } = this.#varint(at, end)
        return { start: next, next: next + value, number: 0 }
      }
      default:
        throw new ProtobufError(`wire type ${wireType} at byte ${at}`)
    }
  }

  #varint(at: number, end: number): { readonly value: number; readonly next: number } {
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
    if (at < this.#windowStart || at >= this.#windowEnd) {
      const read = readSync(this.#fd, this.#window, 0, windowBytes, at)
      if (read === 0) throw new ProtobufError('the file ends early')
      this.#windowStart = at
      this.#windowEnd = at + read
    }
    return this.#window[at - this.#windowStart] ?? 0
  }
}
