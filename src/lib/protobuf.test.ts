import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ProtobufError, ProtobufReader } from './protobuf-reader.ts'
import { ProtobufWriter } from './protobuf-writer.ts'

/** The reader on its first field. */
const first = (bytes: Uint8Array): ProtobufReader => {
  const it = new ProtobufReader(bytes)
  it.next()
  return it
}

const skipAll = (bytes: Uint8Array): number => {
  const it = new ProtobufReader(bytes)
  let fields = 0
  for (; it.next(); fields++) it.skip()
  return fields
}

describe('numbers', () => {
  it('are written as the encoding guide shows them', () => {
    expect([...new ProtobufWriter().uint64(1, 150).finish()]).toEqual([0x08, 0x96, 0x01])
    expect([...new ProtobufWriter().string(2, 'testing').finish()]).toEqual([
      0x12, 0x07, 0x74, 0x65, 0x73, 0x74, 0x69, 0x6e, 0x67,
    ])
    expect([...new ProtobufWriter().packedInt64(6, [3, 270, 86_942]).finish()]).toEqual([
      0x32, 0x06, 0x03, 0x8e, 0x02, 0x9e, 0xa7, 0x05,
    ])
    expect([...new ProtobufWriter().int64(1, -2).finish()]).toEqual([
      0x08, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01,
    ])
  })

  it('of 64 bits come back exactly', () => {
    fc.assert(
      fc.property(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n), (value) => {
        const bytes = new ProtobufWriter(1).int64(1, value).finish()
        expect(first(bytes).int64()).toBe(value)
        expect(first(bytes).uint64()).toBe(BigInt.asUintN(64, value))
        expect(BigInt(first(bytes).int64Exact())).toBe(value)
        expect(first(bytes).int32()).toBe(Number(BigInt.asIntN(32, value)))
        expect(first(bytes).bool()).toBe(value !== 0n)
      }),
    )
  })

  it.each([0, 1, 127, 128, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1, -1, -(2 ** 53 - 1)])(
    '%d comes back as a double',
    (value) => {
      expect(first(new ProtobufWriter(1).int64(1, value).finish()).int64Exact()).toBe(value)
      expect(
        first(new ProtobufWriter(1).packedInt64(1, [value, 7]).finish())
          .message()
          .int64Exact(),
      ).toBe(value)
    },
  )

  it('of 64 fixed bits come back exactly', () => {
    fc.assert(
      fc.property(fc.bigInt(0n, 2n ** 64n - 1n), (value) => {
        const bits = Buffer.alloc(8)
        bits.writeBigUInt64LE(value)
        const bytes = new ProtobufWriter().raw(1, 1, bits).finish()
        expect(first(bytes).fixed64()).toBe(value)
        expect(() => first(bytes.subarray(0, 8)).fixed64()).toThrow(ProtobufError)
      }),
    )
    expect(() => first(new ProtobufWriter().int64(1, 1).finish()).fixed64()).toThrow(ProtobufError)
  })

  it('with a point come back bit by bit', () => {
    fc.assert(
      fc.property(fc.float(), fc.double(), (single, double) => {
        const it = new ProtobufReader(new ProtobufWriter(1).float(1, single).double(2, double).finish())
        it.next()
        expect(it.float()).toBe(single)
        it.next()
        expect(it.double()).toBe(double)
        expect(it.next()).toBe(false)
      }),
    )
  })

  it('that are packed are read until there is no more', () => {
    const values = first(new ProtobufWriter().packedInt64(3, [1, -1, 300]).finish()).message()
    const read: (number | bigint)[] = []
    while (values.more) read.push(values.int64Exact())
    expect(read).toEqual([1, -1, 300])
  })
})

describe('bytes, texts and messages', () => {
  it('come back whatever their size, small ones copied and big ones kept in order', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20_000), { maxLength: 6 }), (sizes) => {
        const writer = new ProtobufWriter(1)
        sizes.forEach((size, index) =>
          writer.message(1, (nested) => nested.uint64(1, index).bytes(2, new Uint8Array(size).fill(index + 1))),
        )
        const outer = new ProtobufReader(writer.finish())
        for (const [index, size] of sizes.entries()) {
          expect(outer.next()).toBe(true)
          const inner = outer.message()
          inner.next()
          expect(inner.uint32()).toBe(index)
          inner.next()
          expect(Buffer.from(inner.bytes()).equals(Buffer.alloc(size, index + 1))).toBe(true)
          expect(inner.next()).toBe(false)
        }
        expect(outer.next()).toBe(false)
      }),
    )
  })

  it('are views of the message', () => {
    const message = new ProtobufWriter().bytes(1, Uint8Array.of(1, 2, 3)).finish()
    expect(first(message).bytes().buffer).toBe(message.buffer)
  })

  it('are found in a part of a larger array', () => {
    const message = new ProtobufWriter().string(1, 'ü☂').finish()
    const larger = Uint8Array.from([0xff, ...message, 0xff])
    const it = new ProtobufReader(larger.subarray(1), 0, message.length)
    expect(it.next()).toBe(true)
    expect(it.string()).toBe('ü☂')
    expect(it.next()).toBe(false)
    expect(() => new ProtobufReader(message, 0, message.length + 1)).toThrow(RangeError)
  })

  it('can be copied without being understood', () => {
    const message = new ProtobufWriter().string(1, 'a').double(2, 1).bytes(3, new Uint8Array(5000)).finish()
    const copy = new ProtobufWriter()
    const it = new ProtobufReader(message)
    while (it.next()) {
      const start = it.position
      it.skip()
      copy.raw(it.field, it.wireType, message.subarray(start, it.position))
    }
    expect(copy.finish()).toEqual(message)
  })
})

describe('unknown fields', () => {
  it('of every wire type are skipped', () => {
    const message = new ProtobufWriter().int64(1, -1).double(2, 1).string(3, 'x').float(4, 1).uint64(536_870_911, 1)
    expect(skipAll(message.finish())).toBe(5)
  })
})

describe('bytes that are not a message', () => {
  it.each([
    ['a tag cut short', [0x80]],
    ['a number cut short', [0x08, 0xff]],
    ['a number of eleven bytes', [0x08, ...Array.from({ length: 10 }, () => 0xff), 0x01]],
    ['a length beyond the message', [0x12, 0x05, 0x00]],
    ['a negative length', [0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]],
    ['a length that is small only once cut to 32 bits', [0x12, 0x81, 0x80, 0x80, 0x80, 0x10, 0x00]],
    ['a tag that is small only once cut to 32 bits', [0x88, 0x80, 0x80, 0x80, 0x10, 0x01]],
    ['a tag of six bytes', [0x88, 0x80, 0x80, 0x80, 0x80, 0x00, 0x01]],
    ['a double cut short', [0x11, 0, 0, 0, 0, 0, 0, 0]],
    ['a float cut short', [0x15, 0, 0, 0]],
    ['the field 0', [0x00, 0x00]],
    ['a group', [0x0b, 0x0c]],
    ['the end of a group', [0x0c]],
    ['wire type 6', [0x0e]],
    ['wire type 7', [0x0f]],
  ])('%s', (_, bytes) => {
    expect(() => skipAll(Uint8Array.from(bytes))).toThrow(ProtobufError)
  })

  it('a tag or length that is merely padded is read', () => {
    expect(first(Uint8Array.of(0x92, 0x80, 0x80, 0x80, 0x00, 0x81, 0x00, 0x61)).string()).toBe('a')
  })

  it('a value of another wire type than asked for', () => {
    const number = new ProtobufWriter().uint64(1, 1).finish()
    const bytes = new ProtobufWriter().string(1, '\u0001').finish()
    for (const read of [
      (it: ProtobufReader) => it.bytes(),
      (it: ProtobufReader) => it.message(),
      (it: ProtobufReader) => it.float(),
      (it: ProtobufReader) => it.double(),
    ]) {
      expect(() => read(first(number))).toThrow(/field 1 has the wire type 0/)
    }
    for (const read of [
      (it: ProtobufReader) => it.uint32(),
      (it: ProtobufReader) => it.int64Exact(),
      (it: ProtobufReader) => it.uint64(),
      (it: ProtobufReader) => it.bool(),
    ]) {
      expect(() => read(first(bytes))).toThrow(/field 1 has the wire type 2/)
    }
  })

  it('a text that is not UTF-8', () => {
    expect(() => first(Uint8Array.of(0x0a, 1, 0xff)).string()).toThrow(/field 1 is not valid UTF-8/)
  })

  it('a number where a nested message has ended, although the outer one goes on', () => {
    const nested = first(Uint8Array.of(0x0a, 2, 0x08, 0x80, 0x01)).message()
    nested.next()
    expect(() => nested.uint32()).toThrow(ProtobufError)
    const packed = first(Uint8Array.of(0x0a, 3, 0, 0, 0, 0, 0, 0, 0, 0)).message()
    expect(() => packed.float()).toThrow(ProtobufError)
  })

  it('never make the reader do anything but end or throw ProtobufError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        try {
          expect(skipAll(bytes)).toBeLessThanOrEqual(bytes.length)
        } catch (error) {
          if (!(error instanceof ProtobufError)) throw error
        }
      }),
      { numRuns: 1000 },
    )
  })
})
