import { describe, expect, it } from 'vitest'
import { cutTo, printable, printableLine } from './printable.ts'

describe('text for a terminal', () => {
  it('has no sequences that steer it, and nothing that turns its direction', () => {
    expect(printable('a\u001b[2Jb\rc\u009b1md\u202ee\u2066f\u200fg')).toBe(
      'a\\u001b[2Jb\\u000dc\\u009b1md\\u202ee\\u2066f\\u200fg',
    )
    expect(printable('Zürich – 東京 🚢\nnext')).toBe('Zürich – 東京 🚢\nnext')
  })

  it('means the same where it is JSON', () => {
    const value = { name: 'a\u202eb\u009b\u2028"\u001b' }
    const text = printable(JSON.stringify(value))
    expect(text).not.toMatch(/[\u202e\u009b\u2028]/)
    expect(JSON.parse(text)).toEqual(value)
  })

  it('keeps what has one line in one', () => {
    expect(printableLine('a\nb\tc')).toBe('a\\nb\\u0009c')
  })

  it('is cut with a mark, between characters', () => {
    expect(cutTo('abcdef', 6)).toBe('abcdef')
    expect(cutTo('abcdefg', 6)).toBe('abcde…')
    expect(cutTo('abcd🚢fg', 6)).toBe('abcd…')
    expect(cutTo('abc🚢efg', 6)).toBe('abc🚢…')
  })
})
