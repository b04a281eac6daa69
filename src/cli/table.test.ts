import { describe, expect, it } from 'vitest'
import { table } from './table.ts'

describe('a table', () => {
  it('aligns columns of numbers right and all others left, without blanks at the end', () => {
    expect(
      table(
        ['name', 'rows', 'state'],
        [
          ['fraud', '7', 'ready'],
          ['a', '1,024', 'off'],
        ],
      ),
    ).toBe('name    rows  state\nfraud      7  ready\na      1,024  off\n')
  })

  it('takes a column with one text among its numbers for text', () => {
    expect(table(['n'], [['1'], ['none']])).toBe('n\n1\nnone\n')
    expect(
      table(
        ['count', 'x'],
        [
          ['1', 'a'],
          ['none', 'b'],
        ],
      ),
    ).toBe('count  x\n1      a\nnone   b\n')
  })

  it('without rows is its head', () => {
    expect(table(['a', 'b'], [])).toBe('a  b\n')
  })

  it('cuts long cells, so that one name leaves the other columns in sight', () => {
    const [head = '', first = '', second = ''] = table(
      ['name', 'state'],
      [
        ['n'.repeat(500), 'ready'],
        ['a', 'w'.repeat(300)],
      ],
    ).split('\n')
    expect(head).toBe(`name${' '.repeat(78)}state`)
    expect(first).toBe(`${'n'.repeat(79)}…  ready`)
    expect(second).toContain('w'.repeat(300))
  })

  it('keeps every row in one line, and steers no terminal', () => {
    expect(table(['name', 'x'], [['a\n\u001b[31mb', 'c\u202e']])).toBe(
      'name            x\na\\n\\u001b[31mb  c\\u202e\n',
    )
  })
})
