import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodePageToken, encodePageToken, type SortSlot, wholeSlot } from './page-token.ts'

const slots: SortSlot[] = [
  { type: 'number', nullable: true },
  { type: 'text', nullable: false },
]
const invalid = 'Invalid page token'

describe('a page token', () => {
  it('gives back the values it was made of', () => {
    const number = fc.option(fc.double({ noNaN: true }).map((value) => value + 0))
    fc.assert(
      fc.property(number, fc.string(), fc.string(), (value, text, binding) => {
        const name = text.replaceAll('\0', '')
        expect(decodePageToken(encodePageToken([value, name], binding), slots, binding)).toEqual([value, name])
      }),
    )
  })

  it('holds for its own request only', () => {
    expect(() => decodePageToken(encodePageToken([1, 'a'], 'mine'), slots, 'yours')).toThrow(invalid)
  })

  it('is refused when a character of it has changed, gone or come', () => {
    const token = encodePageToken([1, 'a'], '')
    for (let at = 0; at < token.length; at++) {
      const other = token[at] === 'A' ? 'B' : 'A'
      expect(() => decodePageToken(token.slice(0, at) + other + token.slice(at + 1), slots, '')).toThrow(invalid)
      expect(() => decodePageToken(token.slice(0, at) + token.slice(at + 1), slots, '')).toThrow(invalid)
      expect(() => decodePageToken(`${token.slice(0, at)}!${token.slice(at)}`, slots, '')).toThrow(invalid)
    }
  })

  it('is refused with values that the order does not have, though its hash fits', () => {
    for (const values of [[], [1], [1, 'a', 'b'], ['1', 'a'], [1, 2], [1, null], [1, 'a\0']]) {
      expect(() => decodePageToken(encodePageToken(values, ''), slots, '')).toThrow(invalid)
    }
  })

  it('is refused with what no column of whole numbers takes, though its hash fits', () => {
    for (const value of [1.5, 1e300, Infinity, -Infinity, 2 ** 53, 'a', null])
      expect(() => decodePageToken(encodePageToken([value], ''), [wholeSlot], '')).toThrow(invalid)
    expect(decodePageToken(encodePageToken([-(2 ** 53) + 1], ''), [wholeSlot], '')).toEqual([-(2 ** 53) + 1])
  })

  it.each([
    'not base64',
    Buffer.from('not json').toString('base64url'),
    Buffer.from('{}').toString('base64url'),
    Buffer.from('null').toString('base64url'),
    Buffer.from('[1]').toString('base64url'),
    Buffer.from('{"offset":7}').toString('base64url'),
    Buffer.from('{"k":[1],"h":"x"}').toString('base64url'),
    Buffer.from('{"k":{"length":2},"h":"x"}').toString('base64url'),
    Buffer.from('['.repeat(500_000)).toString('base64url'),
    'A'.repeat(2_000_000),
  ])('%# of another make is refused', (token) => {
    expect(() => decodePageToken(token, slots, '')).toThrow(invalid)
  })
})
