import { wireTypes } from './protobuf-reader.ts'

/** Fields whose bytes are at least this long are kept as they are instead of being copied into the buffer. */
const chunkBytesMin = 4096

/**
 * Writes one protobuf message; fields come out in the order of the calls. Big values are copied only by `finish`, so
 * they must not change before.
 */
export class ProtobufWriter {
  #buffer: Buffer
  #at = 0
  #flushed: Uint8Array[] = []
  #flushedBytes = 0

  constructor(sizeHint = 256) {
    this.#buffer = Buffer.allocUnsafe(sizeHint)
  }

  /** A whole number; of a negative one, its two's complement. */
  uint64(field: number, value: number | bigint): this {
    this.#tag(field, wireTypes.varint)
    this.#varint(value)
    return this
  }

  int64(field: number, value: number | bigint): this {
    return this.uint64(field, value)
  }

  bool(field: number, value: boolean): this {
    return this.uint64(field, value ? 1 : 0)
  }

  float(field: number, value: number): this {
    this.#tag(field, wireTypes.fixed32)
    this.#room(4)
    this.#buffer.writeFloatLE(value, this.#at)
    this.#at += 4
    return this
  }

  double(field: number, value: number): this {
    this.#tag(field, wireTypes.fixed64)
    this.#room(8)
    this.#buffer.writeDoubleLE(value, this.#at)
    this.#at += 8
    return this
  }

  string(field: number, text: string): this {
    const bytes = Buffer.byteLength(text)
    this.#tag(field, wireTypes.bytes)
    this.#varint(bytes)
    this.#room(bytes)
    this.#at += this.#buffer.write(text, this.#at)
    return this
  }

  bytes(field: number, bytes: Uint8Array): this {
    this.#tag(field, wireTypes.bytes)
    this.#varint(bytes.length)
    this.#append(bytes)
    return this
  }

  /** A field whose value is already encoded, its length included. */
  raw(field: number, wireType: number, encoded: Uint8Array): this {
    this.#tag(field, wireType)
    this.#append(encoded)
    return this
  }

  /** A nested message, written by `write`. */
  message(field: number, write: (nested: ProtobufWriter) => void): this {
    const nested = new ProtobufWriter(128)
    write(nested)
    this.#tag(field, wireTypes.bytes)
    this.#varint(nested.#flushedBytes + nested.#at)
    for (const chunk of nested.#flushed) this.#append(chunk)
    this.#append(nested.#buffer.subarray(0, nested.#at))
    return this
  }

  /** A packed list of whole numbers. */
  packedInt64(field: number, values: readonly number[]): this {
    const nested = new ProtobufWriter(values.length * 2 + 16)
    for (const value of values) nested.#varint(value)
    return this.bytes(field, nested.finish())
  }

  /** The message so far, which may share memory with the writer: write nothing after. */
  finish(): Uint8Array {
    if (this.#flushed.length === 0) return new Uint8Array(this.#buffer.buffer, this.#buffer.byteOffset, this.#at)
    this.#flush()
    const whole = new Uint8Array(this.#flushedBytes)
    let at = 0
    for (const chunk of this.#flushed) {
      whole.set(chunk, at)
      at += chunk.length
    }
    return whole
  }

  #append(bytes: Uint8Array): void {
    if (bytes.length >= chunkBytesMin) {
      this.#flush()
      this.#keep(bytes)
      return
    }
    this.#room(bytes.length)
    this.#buffer.set(bytes, this.#at)
    this.#at += bytes.length
  }

  #flush(): void {
    if (this.#at === 0) return
    this.#keep(new Uint8Array(this.#buffer.subarray(0, this.#at)))
    this.#at = 0
  }

  #keep(chunk: Uint8Array): void {
    this.#flushed.push(chunk)
    this.#flushedBytes += chunk.length
  }

  #tag(field: number, wireType: number): void {
    this.#varint(field * 8 + wireType)
  }

  #varint(value: number | bigint): void {
    this.#room(10)
    if (typeof value === 'number' && value >= 0 && value <= 0xffff_ffff) {
      let rest = value
      for (; rest > 0x7f; rest >>>= 7) this.#buffer[this.#at++] = (rest & 0x7f) | 0x80
      this.#buffer[this.#at++] = rest
      return
    }
    let rest = BigInt.asUintN(64, BigInt(value))
    for (; rest > 0x7fn; rest >>= 7n) this.#buffer[this.#at++] = Number(rest & 0x7fn) | 0x80
    this.#buffer[this.#at++] = Number(rest)
  }

  #room(bytes: number): void {
    if (this.#at + bytes <= this.#buffer.length) return
    const grown = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#at + bytes))
    this.#buffer.copy(grown, 0, 0, this.#at)
    this.#buffer = grown
  }
}
