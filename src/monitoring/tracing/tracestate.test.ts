import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatTraceparent, parseTraceparent } from './traceparent.ts'
import { formatTracestate, parseTracestate } from './tracestate.ts'

describe('a tracestate', () => {
  it('keeps its entries in order', () => {
    expect(parseTracestate('rojo=00f067aa0ba902b7 ,\tcongo=t61rcWkgMzE,, 1a@vendor=x y')).toEqual([
      ['rojo', '00f067aa0ba902b7'],
      ['congo', 't61rcWkgMzE'],
      ['1a@vendor', 'x y'],
    ])
    expect(parseTracestate('')).toEqual([])
  })

  it.each([
    ['a', 'no value'],
    ['=1', 'no key'],
    ['a=', 'an empty value'],
    ['A=1', 'a capital'],
    ['1a=1', 'a digit first without a tenant'],
    ['a=1,a=2', 'a key twice'],
    ['a=1=2', 'a second equals sign'],
    ['a=\u00e9', 'a letter beyond ASCII'],
    ['a=1\r\nx: y', 'a line break'],
    [`${'a'.repeat(257)}=1`, 'a long key'],
    [`a=${'1'.repeat(257)}`, 'a long value'],
    [Array.from({ length: 33 }, (_, index) => `k${index}=1`).join(','), 'too many entries'],
    [','.repeat(8193), 'too many characters'],
  ])('%j is none: %s', (header) => {
    expect(parseTracestate(header)).toBeUndefined()
  })

  it('reads back as written', () => {
    const entry = fc.tuple(fc.stringMatching(/^[a-z][a-z0-9_]{0,20}$/), fc.stringMatching(/^[!-+\--<>-~]{1,20}$/))
    fc.assert(
      fc.property(fc.uniqueArray(entry, { selector: ([key]) => key, maxLength: 32 }), (entries) => {
        expect(parseTracestate(formatTracestate(entries))).toEqual(entries)
      }),
    )
  })
})

describe('a written traceparent', () => {
  it('reads back', () => {
    const hex = (digits: number): fc.Arbitrary<string> =>
      fc.stringMatching(new RegExp(`^[0-9a-f]{${digits}}$`)).filter((id) => !/^0+$/.test(id))
    fc.assert(
      fc.property(hex(32), hex(16), fc.boolean(), (traceId, parentId, sampled) => {
        const parent = { traceId, parentId, sampled }
        expect(parseTraceparent(formatTraceparent(parent))).toEqual(parent)
      }),
    )
  })
})
