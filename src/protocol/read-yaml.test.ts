import { describe, expect, it } from 'vitest'
import { readYaml, YamlError } from './read-yaml.ts'

const names = 'abcdefghi'.split('')

/** Each list holds the one before nine times: nine to the ninth in all. */
const laughs = names
  .map(
    (name, index) =>
      `${name}: &${name} [${Array(9)
        .fill(index === 0 ? 'ha' : `*${names[index - 1]}`)
        .join(', ')}]`,
  )
  .join('\n')

const merges = names
  .map((name, index) =>
    index === 0
      ? 'a: &a {x: 1}'
      : `${name}: &${name} {<<: [${Array(9)
          .fill(`*${names[index - 1]}`)
          .join(', ')}]}`,
  )
  .join('\n')

const million = 1_000_000

describe('YAML that somebody sent', () => {
  it('is read when it is an ordinary file', () => {
    expect(readYaml('a: &x [1, two, null]\nb: *x\nc: {d: "e"}\n')).toEqual({
      a: [1, 'two', null],
      b: [1, 'two', null],
      c: { d: 'e' },
    })
    expect(readYaml('{"a": [{"b": 1}]}')).toEqual({ a: [{ b: 1 }] })
    const many = Object.fromEntries(Array.from({ length: 2000 }, (_, index) => [`key ${index}`, index]))
    expect(readYaml(JSON.stringify(many))).toEqual(many)
    // One long value is no matter.
    expect(readYaml(`a: '${'x'.repeat(3 * million)}'`)).toEqual({ a: 'x'.repeat(3 * million) })
  })

  it.each([
    ['references that multiply', laughs, 'refers to itself too often'],
    ['merges that multiply', merges, 'refers to itself too often'],
    ['a list in a list, a million deep', '['.repeat(million), 'nests deeper'],
    ['the same, closed', '['.repeat(million) + ']'.repeat(million), 'nests deeper'],
    ['a map in a map, a million deep', '{a: '.repeat(million), 'nests deeper'],
    ['lists by dashes, a million deep', '- '.repeat(million), 'nests deeper'],
    [
      'maps by indentation, a thousand deep',
      Array.from({ length: 1000 }, (_, index) => `${' '.repeat(index)}a:`)
        .join('\n')
        .concat(' ['),
      'not YAML',
    ],
    ['explicit keys, a million deep', '? '.repeat(million), 'nests deeper'],
    ['a million keys', Array.from({ length: million }, (_, index) => `k${index}: 1`).join('\n'), 'more than 50000'],
    ['a million anchors', '- &a x\n'.repeat(million), 'more than 50000'],
    ['a million documents', '---\n'.repeat(million), 'more than 50000'],
    ['a million brackets that close nothing', ']'.repeat(million), 'more than 50000'],
    ['a million quotes', '"'.repeat(million), 'more than 50000'],
    ['a million comments', '#\n'.repeat(million), 'more than 50000'],
    ['a key twice', 'a: 1\nb: 2\na: 3', "the key 'a' is there twice"],
    ['a type of another language', '!!js/function x: [', 'not YAML'],
    ['an unknown reference', 'a: *b', 'refers to what it does not hold'],
  ])('is refused at once when it is %s', (_, text, reason) => {
    const startedMs = performance.now()
    expect(() => readYaml(text)).toThrow(YamlError)
    expect(() => readYaml(text)).toThrow(reason)
    // Twice; what these cost without a bound is minutes, or the process.
    expect(performance.now() - startedMs).toBeLessThan(10_000)
  })

  it('takes as many keys as it allows', () => {
    const text = Array.from({ length: 7000 }, (_, index) => `k${index}: 1`).join('\n')
    expect(Object.keys(readYaml(text) as object)).toHaveLength(7000)
  })
})
