import { describe, expect, it } from 'vitest'
import { timeOf } from './time-of.ts'

describe('a time on the command line', () => {
  it.each([
    ['2026-11-24', Date.UTC(2026, 10, 24)],
    ['2026-11-24 10:31', Date.UTC(2026, 10, 24, 10, 31)],
    ['2026-11-24T10:31:05.25Z', Date.UTC(2026, 10, 24, 10, 31, 5, 250)],
    ['2026-11-24T10:31+02:00', Date.UTC(2026, 10, 24, 8, 31)],
    ['1790000000000', 1_790_000_000_000],
  ])('%s is read', (text, ms) => expect(timeOf(text, '--from')).toBe(ms))

  it.each(['', 'yesterday', '2026', '2026-13-01', '2026-11-24T25:00', '-5', '1969-12-31'])('%j is refused', (text) => {
    expect(() => timeOf(text, '--from')).toThrow(`--from '${text}' is no time such as 2026-11-24`)
  })
})
