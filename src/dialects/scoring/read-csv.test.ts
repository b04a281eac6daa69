import { parse } from 'csv-parse/sync'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readCsv } from './read-csv.ts'

const cellsOf = (text: string): unknown => {
  const frame = readCsv(Buffer.from(text))
  const columns = frame.columns()
  return [frame.names(), ...Array.from({ length: frame.rows }, (_, row) => columns.map((column) => column(row)))]
}

const outcome = (read: () => unknown): unknown => {
  try {
    return read()
  } catch {
    return 'refused'
  }
}

describe('readCsv', () => {
  it('takes lines that end in either way, the last also without an end, and what is missing as null', () => {
    const rows = [
      ['a', 'b'],
      ['1', null],
      [' x', null],
    ]
    expect(cellsOf('a,b\n1,\n x,NaN\n')).toEqual(rows)
    expect(cellsOf('a,b\r\n1,NULL\r\n\r\n x,#N/A N/A')).toEqual(rows)
    expect(cellsOf('\ufeff"a",b\n1,\n" x",n/a')).toEqual(rows)
  })

  it('reads plain text as the parser reads it', () => {
    const piece = fc.constantFrom('a', 'b,', ',', 'c\n', '\n', '\r\n', '\r', '"', '"d"', 'é', ' ', '12.5', '-nan')
    let plain = 0
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        // With its names in front, which the table needs.
        const text = `x,y\n${pieces.join('')}`
        const given = outcome(() => cellsOf(text))
        const expected = outcome(() => {
          const [names, ...rows] = parse(text, { bom: true, skip_empty_lines: true })
          return [names, ...rows.map((row) => row.map((cell) => (cell === '' || cell === '-nan' ? null : cell)))]
        })
        expect(given).toEqual(expected)
        if (!text.includes('"') && Array.isArray(given) && given.length > 1) plain++
      }),
      { numRuns: 3000, seed: 5 },
    )
    expect(plain).toBeGreaterThan(50)
  })
})
