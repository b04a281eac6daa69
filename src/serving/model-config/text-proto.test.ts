import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ConfigError } from './config-error.ts'
import type { TextField } from './text-proto.ts'
import { configLengthMax, parseTextProto } from './text-proto.ts'

const stringOf = (quoted: string): string | undefined => {
  const value = parseTextProto(`a: ${quoted}`)[0]?.value
  return value?.kind === 'string' ? value.text : undefined
}
const scalar = (name: string, text: string, line = 1): TextField => ({ name, value: { kind: 'scalar', text }, line })
const problem = (text: string): string => {
  try {
    parseTextProto(text)
  } catch (error) {
    if (error instanceof ConfigError) return error.message
    throw error
  }
  return 'no problem'
}

describe('text format', () => {
  it('is fields with scalars, strings and messages, each with its line', () => {
    expect(parseTextProto('a: 1 b: "x"\nc { d: -2 }\nc < d: TYPE_FP32 >')).toEqual([
      scalar('a', '1'),
      { name: 'b', value: { kind: 'string', text: 'x' }, line: 1 },
      { name: 'c', value: { kind: 'message', fields: [scalar('d', '-2', 2)] }, line: 2 },
      { name: 'c', value: { kind: 'message', fields: [scalar('d', 'TYPE_FP32', 3)] }, line: 3 },
    ])
  })

  it('takes lists as repeated fields, and commas or semicolons between fields', () => {
    const fields = [scalar('a', '1'), scalar('a', '-1'), scalar('b', '2'), scalar('c', '3')]
    expect(parseTextProto('a: [1, -1], b: 2; c: 3')).toEqual(fields)
    expect(parseTextProto('a: []')).toEqual([])
    expect(parseTextProto('m: [{ a: 1 }, { a: 2 }]').map((field) => field.name)).toEqual(['m', 'm'])
  })

  it('passes over comments, also at the end and with quotes in them', () => {
    expect(parseTextProto('# a "comment\na: 1 # b: 2 }\n#\n#')).toEqual([scalar('a', '1', 2)])
    expect(parseTextProto('# nothing else')).toEqual([])
    expect(parseTextProto('')).toEqual([])
  })

  it('takes escapes for bytes, which are UTF-8 together', () => {
    expect(stringOf(String.raw`"\n\t\r\\\"\'\a\?"`)).toBe('\n\t\r\\"\'\u0007?')
    expect(stringOf(String.raw`"\101\x42\x4a1"`)).toBe('ABJ1')
    expect(stringOf(String.raw`"caf\303\251 \xe2\x82\xac"`)).toBe('café €')
    expect(stringOf(String.raw`'say "hi"' " twice"`)).toBe('say "hi" twice')
    expect(stringOf('"é 𝄞"')).toBe('é 𝄞')
    expect(stringOf(String.raw`"\X42 \u20ac \U0001d11e \v\f"`)).toBe('B € 𝄞 \v\f')
  })

  it('gives back every text written with escapes', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', '"', '\\', '\n', '\0', 'é', '€', '𝄞') }), (text) => {
        const octal = [...Buffer.from(text)].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('')
        expect(stringOf(`"${octal}"`)).toBe(text)
      }),
    )
  })

  it.each([
    ['a: 1\nb 2', "line 2, column 3: expected ':' or '{'"],
    ['a {\n b: 1\n', "line 3, column 1: a '}' is missing"],
    ['a: 1 }', 'line 1, column 6: expected the name of a field'],
    ['a: [1, 2', "line 1, column 9: expected ',' or ']'"],
    ['a: [1 2]', "line 1, column 7: expected ',' or ']'"],
    ['a:', 'line 1, column 3: expected a value'],
    ['a: 1\n\n  "open', `line 3, column 3: unexpected text '"open'`],
    ['a: "\\q"', 'line 1, column 4: unknown escape \\q'],
    ['a: "\\x"', 'line 1, column 4: unknown escape \\x'],
    ['a: "\\ud800"', 'line 1, column 4: \\ud800 is not a character'],
    ['a: "\\U00110000"', 'line 1, column 4: \\u110000 is not a character'],
    ['a: 1 # b\n\t c d', "line 2, column 5: expected ':' or '{'"],
    ['# one\n@', "line 2, column 1: unexpected text '@'"],
  ])('refuses %j with line and column', (text, message) => {
    expect(problem(text)).toBe(message)
  })

  it('refuses messages nested without end', () => {
    expect(problem('a {'.repeat(101))).toBe('line 1, column 304: messages nested deeper than 100')
    expect(problem('a {'.repeat(200_000))).toContain('nested deeper')
    expect(parseTextProto('a {'.repeat(100) + '}'.repeat(100))).toHaveLength(1)
  })

  it('refuses a text beyond the limit before reading it', () => {
    expect(parseTextProto(' '.repeat(configLengthMax))).toEqual([])
    expect(problem('@'.repeat(configLengthMax + 1))).toBe(
      `the text has ${configLengthMax + 1} characters; the limit is ${configLengthMax}`,
    )
  })

  it('takes time in proportion to the text, whatever it holds', () => {
    expect(problem(`${'#'.repeat(50_000)}\n@`)).toBe("line 2, column 1: unexpected text '@'")
    expect(problem(`a: "${'\\\\'.repeat(50_000)}`)).toContain('unexpected text')
    expect(parseTextProto('a: 1\n'.repeat(50_000)).at(-1)?.line).toBe(50_000)
  })

  it('is read or refused with a sentence, never worse', () => {
    const pieces = fc.constantFrom(
      'a',
      ':',
      '{',
      '}',
      '<',
      '>',
      '[',
      ']',
      ',',
      '"',
      "'",
      '\\',
      '#',
      '\n',
      '1',
      '-',
      ' ',
    )
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 30 }), (text) => {
        expect(problem(text.join(''))).toMatch(/^(no problem|line \d+, column \d+: .+)$/s)
      }),
      { numRuns: 1000 },
    )
  })
})
