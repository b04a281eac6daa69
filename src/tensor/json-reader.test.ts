import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { JsonError, parseJson, parseJsonQuick } from './json-reader.ts'
import type { JsonLimits, JsonValue } from './json-reader.ts'

const utf8 = new TextEncoder()
const readers = [
  { name: 'parseJson', parse: (text: string, limits?: JsonLimits): JsonValue => parseJson(utf8.encode(text), limits) },
  {
    name: 'parseJsonQuick',
    parse: (text: string, limits?: JsonLimits): JsonValue => parseJsonQuick(utf8.encode(text), limits),
  },
]
const character = fc.constantFrom('a', ':', '"', '\\', '/', '\0', '\n', '\ud800', 'é', '\u2028', '\ufeff', '𝄞')
const withoutBigint = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? Number(value) : value)
const exactly = (text: string): JsonValue => parseJson(utf8.encode(text))

describe.each(readers)('$name', ({ name, parse }) => {
  it('reads every JSON text as the platform does', () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: character }), fc.constantFrom(0, 1, '\t'), (value, space) => {
        const text = JSON.stringify(value, undefined, space)
        expect(JSON.stringify(parse(text), withoutBigint)).toBe(JSON.stringify(JSON.parse(text)))
      }),
    )
  })

  it('takes NaN and infinities', () => {
    expect(parse('[NaN, Infinity, -Infinity, 1]')).toEqual([Number.NaN, Infinity, -Infinity, 1])
  })

  it.each([
    ['', 0],
    ['[1,]', 3],
    ['[1 2]', 3],
    ['{"a" 1}', 5],
    ['{a:1}', 1],
    ['{"a":1,}', 7],
    ['1 2', 2],
    ['tru', 0],
    ['-', 1],
    ['-NaN', 1],
    ['01', 0],
    ['1.', 0],
    ['.5', 0],
    ['+1', 0],
    ['0x10', 1],
    ['"a', 0],
    ['"\u0001"', 0],
    ['"\\x"', 0],
    ['"\\', 0],
    ["'a'", 0],
    ['\ufeff1', 0],
    ['[1', 2],
  ])('refuses %j and says where', (text, at) => {
    expect(() => parse(text)).toThrow(JsonError)
    expect(() => parse(text)).toThrow(new RegExp(`at byte ${at}$`))
  })

  it('refuses numbers that no type holds', () => {
    for (const text of ['1e400', '-1e400', '1'.repeat(400)]) expect(() => parse(text)).toThrow('a number too large')
    expect(parse('1e-400')).toBe(0)
  })

  it('refuses a name that appears twice', () => {
    expect(() => parse('{"a":1,"b":{"a":2},"a":3}')).toThrow('the name "a" appears twice')
    expect(() => parse('[{"a:":1,"\\u0061:":2}]')).toThrow('appears twice')
    expect(() => parse('{"__proto__":1,"__proto__":2}')).toThrow('appears twice')
    expect(parse('{"a":":","b":1}')).toEqual({ a: ':', b: 1 })
  })

  it('keeps __proto__ a name like any other', () => {
    const object = parse('{"__proto__":{"admin":true},"constructor":1}') as Record<string, unknown>
    expect(Object.keys(object)).toEqual(['__proto__', 'constructor'])
    expect(Object.getPrototypeOf(object)).toBe(Object.prototype)
    expect('admin' in object).toBe(false)
  })

  it('refuses nesting beyond the limit, however deep', () => {
    const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)
    expect(parse(nested(100))).toHaveLength(1)
    expect(() => parse(nested(101))).toThrow('nesting deeper than 100')
    expect(() => parse(nested(1_000_000))).toThrow('nesting deeper than 100')
    expect(() => parse('{"a":'.repeat(1_000_000))).toThrow('nesting deeper than 100')
    expect(parse('[[1]]', { depthMax: 2 })).toEqual([[1]])
    expect(() => parse('[{"a":[]}]', { depthMax: 2 })).toThrow('nesting deeper than 2')
  })

  it('refuses more values than the limit, however many', () => {
    const values = (count: number): string => `[${'{},'.repeat(count - 2)}{}]`
    expect(parse(values(5), { depthMax: 9, valuesMax: 5 })).toHaveLength(4)
    expect(() => parse(values(6), { depthMax: 9, valuesMax: 5 })).toThrow('more than 5 values')
    expect(() => parse(values(5_000_000), { depthMax: 9, valuesMax: 5 })).toThrow('more than 5 values')
    expect(parse(JSON.stringify(['a'.repeat(100)]), { depthMax: 9, valuesMax: 2 })).toEqual(['a'.repeat(100)])
  })

  it('refuses text that is not UTF-8', () => {
    const read = name === 'parseJson' ? parseJson : parseJsonQuick
    for (const wrong of [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xe2, 0x82]]) {
      expect(() => read(Uint8Array.of(0x22, ...wrong, 0x22))).toThrow('valid UTF-8')
    }
  })
})

describe('numbers', () => {
  const digits = (from: number, to: number): fc.Arbitrary<string> =>
    fc.string({ unit: fc.constantFrom(...Array.from('0123456789')), minLength: from, maxLength: to })
  const decimal = fc
    .tuple(fc.constantFrom('', '-'), digits(1, 20), digits(0, 25), fc.constantFrom('', 'e5', 'E-12', 'e+22', 'e-300'))
    .map(([sign, whole, fraction, exponent]) => {
      const point = fraction === '' ? '' : '.'
      return sign + whole.replace(/^0+(?=\d)/, '') + point + fraction + exponent
    })

  it('with a point or an exponent are the nearest double', () => {
    fc.assert(
      fc.property(
        decimal.filter((text) => /[.eE]/.test(text)),
        (text) => {
          expect(exactly(text)).toBe(Number(text))
        },
      ),
      { numRuns: 2000 },
    )
  })

  it('written for any double give that double', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const text = Object.is(value, -0) ? '-0' : String(value)
        expect(Number(exactly(text))).toBe(value)
      }),
      { numRuns: 1000 },
    )
  })

  it('keep every digit of whole numbers: beyond 2^53 as bigint', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }), (value) => {
        const expected = Number.isSafeInteger(Number(value)) ? Number(value) : value
        expect(exactly(String(value))).toBe(expected)
      }),
    )
    expect(exactly('9007199254740991')).toBe(9_007_199_254_740_991)
    expect(exactly('9007199254740993')).toBe(9_007_199_254_740_993n)
    expect(exactly('-18446744073709551615')).toBe(-18_446_744_073_709_551_615n)
    expect(exactly('1e18')).toBe(1e18)
  })
})
