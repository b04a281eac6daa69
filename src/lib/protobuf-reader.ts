/** Bytes that are not protobuf wire format. */
export class ProtobufError extends Error {
  override name = 'ProtobufError'
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Wire types (Protocol Buffers encoding reference). Groups are not used by anything spoken here. */
export const wireTypes = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const

/** Fields that a message and those within it may still have. */
export interface FieldBudget {
  left: number
}

/**
 * Reads one protobuf message field by field: `while (reader.next()) switch (reader.field) …`, calling exactly one
 * value method, or skip, for each. Values are views, not copies; every length is checked against the message, and a
 * value method must fit the wire type. Everything that isn't wire format throws ProtobufError, and so does a message
 * that has more fields than its budget, where it is given one: an empty field takes two bytes, and far more to keep.
 */
export class ProtobufReader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #end: number
  readonly #budget: FieldBudget | undefined
  #at: number
  field = 0
  wireType = 0

  constructor(bytes: Uint8Array, start = 0, end: number = bytes.length, budget?: FieldBudget) {
    if (start < 0 || start > end || end > bytes.length) throw new RangeError(`${start} to ${end} of ${bytes.length}`)
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#at = start
    this.#end = end
    this.#budget = budget
  }

  /** Where the next value is read from. */
  get position(): number {
    return this.#at
  }

  /** Goes back to a position that `position` gave. */
  seek(position: number): void {
    this.#at = position
  }

  /** Moves to the next field; false at the end of the message. */
  next(): boolean {
    if (this.#at >= this.#end) return false
    if (this.#budget !== undefined && this.#budget.left-- <= 0) throw new ProtobufError('too many fields')
    const tag = this.#varint32()
    this.field = tag >>> 3
    this.wireType = tag & 7
    if (this.field === 0) throw new ProtobufError('a field with the number 0')
    return true
  }

  /** A varint of which the low 32 bits count. */
  uint32(): number {
    this.#expect(wireTypes.varint)
    let value = 0
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.#byte()
      if (shift < 32) value |= (byte & 0x7f) << shift
      if (byte < 0x80) return value >>> 0
    }
    throw new ProtobufError('a number of more than ten bytes')
  }

  int32(): number {
    return this.uint32() | 0
  }

  bool(): boolean {
    return this.uint64() !== 0n
  }

  /** A 64-bit varint, unsigned. */
  uint64(): bigint {
    this.#expect(wireTypes.varint)
    let low = 0
    let high = 0
    for (let index = 0; index < 10; index++) {
      const byte = this.#byte()
      const bits = byte & 0x7f
      if (index < 4) low |= bits << (7 * index)
      else if (index === 4) {
        low |= bits << 28
        high |= bits >>> 4
      } else high |= bits << (7 * index - 32)
      if (byte < 0x80) return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0)
    }
    throw new ProtobufError('a number of more than ten bytes')
  }

  /** A 64-bit varint, two's complement. */
  int64(): bigint {
    return BigInt.asIntN(64, this.uint64())
  }

  /** An int64 as a double where that is exact; a bigint beyond 2^53. */
  int64Exact(): number | bigint {
    this.#expect(wireTypes.varint)
    const first = this.#bytes[this.#at]
    if (first !== undefined && first < 0x80 && this.#at < this.#end) {
      this.#at += 1
      return first
    }
    const value = this.int64()
    const double = Number(value)
    return Number.isSafeInteger(double) ? double : value
  }

  float(): number {
    this.#expect(wireTypes.fixed32)
    this.#need(4)
    this.#at += 4
    return this.#view.getFloat32(this.#at - 4, true)
  }

  double(): number {
    this.#expect(wireTypes.fixed64)
    this.#need(8)
    this.#at += 8
    return this.#view.getFloat64(this.#at - 8, true)
  }

  /** A fixed64: 64 bits, unsigned. */
  fixed64(): bigint {
    this.#expect(wireTypes.fixed64)
    this.#need(8)
    this.#at += 8
    return this.#view.getBigUint64(this.#at - 8, true)
  }

  bytes(): Uint8Array {
    const length = this.#length()
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }

  /** The length of bytes that are passed over; they end at `position`. Spares a view of each of very many. */
  bytesLength(): number {
    const length = this.#length()
    this.#at += length
    return length
  }

  string(): string {
    try {
      return utf8.decode(this.bytes())
    } catch (error) {
      if (error instanceof ProtobufError) throw error
      throw new ProtobufError(`field ${this.field} is not valid UTF-8`)
    }
  }

  /** A reader of the message, or of the packed numbers, in this field. */
  message(): ProtobufReader {
    const length = this.#length()
    this.#at += length
    return new ProtobufReader(this.#bytes, this.#at - length, this.#at, this.#budget)
  }

  /** Whether a number is left; for readers of packed numbers, which call the value method until there is none. */
  get more(): boolean {
    return this.#at < this.#end
  }

  skip(): void {
    switch (this.wireType) {
      case wireTypes.varint:
        this.#skipVarint()
        return
      case wireTypes.fixed64:
        this.#need(8)
        this.#at += 8
        return
      case wireTypes.bytes:
        this.bytesLength()
        return
      case wireTypes.fixed32:
        this.#need(4)
        this.#at += 4
        return
      default:
        throw new ProtobufError(`wire type ${this.wireType}`)
    }
  }

  /** Readers of packed numbers, on which `next` wasn't called, have no wire type: their caller knows it. */
  #expect(wireType: number): void {
    if (this.wireType !== wireType && this.field !== 0) throw this.#wrongWireType()
  }

  #wrongWireType(): ProtobufError {
    return new ProtobufError(`field ${this.field} has the wire type ${this.wireType}`)
  }

  /** Length of the field whose bytes come next; they are there. */
  #length(): number {
    if (this.wireType !== wireTypes.bytes) throw this.#wrongWireType()
    const length = this.#varint32()
    this.#need(length)
    return length
  }

  /**
   * A tag or a length: a number of more than 32 bits is refused. Why: readers that cut it would see another message
   * than those that don't.
   */
  #varint32(): number {
    let byte = this.#byte()
    let value = byte & 0x7f
    for (let shift = 7; byte >= 0x80; shift += 7) {
      byte = this.#byte()
      if (shift === 28 && byte > 0x0f) throw new ProtobufError('a tag or length of more than 32 bits')
      value |= (byte & 0x7f) << shift
    }
    return value >>> 0
  }

  #skipVarint(): void {
    for (let index = 0; index < 10; index++) if (this.#byte() < 0x80) return
    throw new ProtobufError('a number of more than ten bytes')
  }

  #byte(): number {
    if (this.#at >= this.#end) throw new ProtobufError('the message ends inside a number')
    return this.#bytes[this.#at++] ?? 0
  }

  #need(bytes: number): void {
    if (bytes > this.#end - this.#at) throw new ProtobufError(`field ${this.field} runs beyond the message`)
  }
}
