import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeBytes, decodeStrings, encodeBytes, encodeStrings } from './bytes-elements.ts'
import { checkTensor } from './shape.ts'
import { TensorError } from './tensor-error.ts'
import type { Tensor } from './tensor.ts'

const tensor = (data: Uint8Array, count: number): Tensor => ({ name: 'x', datatype: 'BYTES', shape: [count], data })

describe('the elements of BYTES', () => {
  it('are each behind a 4-byte little-endian length', () => {
    expect([...encodeBytes([Uint8Array.of(7, 8), Uint8Array.of()])]).toEqual([2, 0, 0, 0, 7, 8, 0, 0, 0, 0])
    expect([...encodeStrings(['é'])]).toEqual([2, 0, 0, 0, 0xc3, 0xa9])
  })

  it('come back bit for bit, at any alignment', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 20 })), fc.nat(7), (elements, offset) => {
        const body = Uint8Array.of(...new Uint8Array(offset), ...encodeBytes(elements))
        const encoded = tensor(body.subarray(offset), elements.length)
        checkTensor(encoded)
        expect(decodeBytes(encoded)).toEqual(elements)
      }),
    )
  })

  it('come back as text, with NUL, a byte order mark and anything beyond the basic plane', () => {
    const strings = ['', 'a\0b', '\ufeffmark', '𝄞']
    expect(decodeStrings(tensor(encodeStrings(strings), 4))).toEqual(strings)
  })

  it('are views, not copies', () => {
    const data = encodeBytes([Uint8Array.of(1)])
    expect(decodeBytes(tensor(data, 1))[0]?.buffer).toBe(data.buffer)
  })

  it('are refused as text when they are not UTF-8', () => {
    const data = encodeBytes([Uint8Array.of(0x61), Uint8Array.of(0xc3)])
    expect(() => decodeStrings(tensor(data, 2))).toThrow(new TensorError('x', 'element 1 is not valid UTF-8'))
  })
})
