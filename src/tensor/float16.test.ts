import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fromBfloatBits, fromHalfBits, toBfloatBits, toHalfBits } from './float16.ts'

/** The value of bits by the definition of IEEE 754 binary formats. */
const valueOf = (bits: number, exponentBits: number, fractionBits: number): number => {
  const sign = (bits & 0x8000) === 0 ? 1 : -1
  const bias = 2 ** (exponentBits - 1) - 1
  const exponent = (bits >> fractionBits) & (2 ** exponentBits - 1)
  const fraction = (bits & (2 ** fractionBits - 1)) / 2 ** fractionBits
  if (exponent === 2 ** exponentBits - 1) return fraction === 0 ? sign * Infinity : Number.NaN
  return sign * (exponent === 0 ? fraction * 2 ** (1 - bias) : (1 + fraction) * 2 ** (exponent - bias))
}

const formats = [
  { name: 'binary16', from: fromHalfBits, to: toHalfBits, exponentBits: 5, fractionBits: 10, infinity: 0x7c00 },
  { name: 'bfloat16', from: fromBfloatBits, to: toBfloatBits, exponentBits: 8, fractionBits: 7, infinity: 0x7f80 },
]

/** Next double above a positive one, and below. */
const above = (value: number): number => value * (1 + Number.EPSILON)
const below = (value: number): number => value * (1 - Number.EPSILON / 2)

describe.each(formats)('$name', ({ from, to, exponentBits, fractionBits, infinity }) => {
  it('reads all 65,536 bit patterns as the standard says and writes them back', () => {
    const wrong: number[] = []
    for (let bits = 0; bits < 0x10000; bits++) {
      const value = from(bits)
      const back = to(value)
      const kept = Number.isNaN(value) ? Number.isNaN(from(back)) : back === bits
      if (!Object.is(value, valueOf(bits, exponentBits, fractionBits)) || !kept) wrong.push(bits)
    }
    expect(wrong).toEqual([])
  })

  it('rounds the middle of every two neighbours to the even one, and anything beside it to the nearer', () => {
    const wrong: number[] = []
    for (let bits = 0; bits < infinity; bits++) {
      const low = from(bits)
      // Beyond the largest number the next step of the same size would be 2^(exponent + 1): it rounds to infinity.
      const high = bits + 1 === infinity ? low + (low - from(bits - 1)) : from(bits + 1)
      const middle = low + (high - low) / 2
      const even = bits % 2 === 0 ? bits : bits + 1
      const right =
        to(middle) === even &&
        to(-middle) === even + 0x8000 &&
        to(above(middle)) === bits + 1 &&
        to(below(middle)) === bits &&
        to(-below(middle)) === bits + 0x8000
      if (!right) wrong.push(bits)
    }
    expect(wrong).toEqual([])
  })

  it('never rounds to a value when a neighbour is nearer', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const bits = to(value)
        const rounded = from(bits)
        if (!Number.isFinite(rounded)) return
        const distance = Math.abs(value - rounded)
        const magnitude = bits & 0x7fff
        for (const neighbour of [magnitude - 1, magnitude + 1]) {
          if (neighbour < 0 || neighbour >= infinity) continue
          expect(Math.abs(value - from((bits & 0x8000) | neighbour))).toBeGreaterThanOrEqual(distance)
        }
      }),
    )
  })

  it('keeps NaN, infinities and the sign of zero', () => {
    expect([to(Infinity), to(-Infinity), to(0), to(-0)]).toEqual([infinity, infinity + 0x8000, 0, 0x8000])
    expect(from(to(Number.NaN))).toBeNaN()
    expect(to(1e300)).toBe(infinity)
    expect(to(Number.MIN_VALUE)).toBe(0)
    expect(to(-Number.MIN_VALUE)).toBe(0x8000)
  })
})
