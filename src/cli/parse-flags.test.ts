import { describe, expect, it } from 'vitest'
import type { Flag } from './command.ts'
import { UsageError } from './command.ts'
import { parseFlags } from './parse-flags.ts'

const flags: readonly Flag[] = [
  { name: 'input', value: 'FILE', doc: '' },
  { name: 'limit', value: 'ROWS', doc: '' },
  { name: 'json', doc: '' },
]

describe('the flags of a command', () => {
  it('are read in both forms, in any place, until --', () => {
    const { values, words } = parseFlags(['a', '--input', '-', '--limit=-1', '--json', 'b', '--', '--json'], flags)
    expect([...values]).toEqual([
      ['input', '-'],
      ['limit', '-1'],
      ['json', true],
    ])
    expect(words).toEqual(['a', 'b', '--json'])
    expect(parseFlags(['--input=--x', '-'], flags)).toEqual({ values: new Map([['input', '--x']]), words: ['-'] })
  })

  it.each([
    [['--inptu', 'x'], "unknown flag --inptu; did you mean '--input'?"],
    [['-i', 'x'], 'unknown flag -i'],
    [['--input'], '--input needs a value, as in --input FILE'],
    [['--input', '--json'], '--input needs a value, as in --input FILE'],
    [['--input', 'a', '--input=b'], '--input is given twice'],
    [['--json', '--json'], '--json is given twice'],
    [['--json=yes'], '--json takes no value'],
    [['--nothing', '--limit'], 'unknown flag --nothing\n--limit needs a value, as in --limit ROWS'],
  ])('%j are wrong usage', (args, message) => {
    expect(() => parseFlags(args, flags)).toThrow(new UsageError(message))
  })
})
