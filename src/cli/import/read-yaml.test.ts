import { describe, expect, it } from 'vitest'
import { integerField, pairsField, readYaml, textField } from './read-yaml.ts'

describe("MLflow's YAML", () => {
  it('is read as text, whatever a scalar looks like', () => {
    const fields = readYaml(
      "digest: 2812e025\nrun_id: 0123\nyes: yes\ntime: '2026-01-01'\nname: \"a\\nb\"\nempty: ''\n",
    )
    expect(fields).toEqual({
      digest: '2812e025',
      run_id: '0123',
      yes: 'yes',
      time: '2026-01-01',
      name: 'a\nb',
      empty: '',
    })
  })

  it('tells null from the text null', () => {
    const fields = readYaml("a: null\nb: 'null'\nc:\nd: ~\n")
    expect(textField(fields, 'a')).toBeUndefined()
    expect(textField(fields, 'b')).toBe('null')
    expect(textField(fields, 'c')).toBeUndefined()
    expect(textField(fields, 'd')).toBeUndefined()
  })

  it('has fields only of its own', () => {
    const fields = readYaml('a: 1\n')
    expect(textField(fields, 'constructor')).toBeUndefined()
    expect(pairsField(fields, 'toString')).toEqual([])
    expect(Object.entries(readYaml('__proto__: {polluted: 1}\n'))).toEqual([['__proto__', { polluted: '1' }]])
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false)
  })

  it('reads whole numbers that a double holds, and refuses others', () => {
    expect(integerField(readYaml('t: 1795856170086\n'), 't')).toBe(1795856170086)
    for (const text of ['1e3', '99999999999999999', '0x10', 'many', '[1]{'])
      expect(() => integerField(readYaml(`t: "${text}"\n`), 't')).toThrow('no whole number')
  })

  it('refuses what is no map, is torn, or grows', () => {
    expect(() => readYaml('- a\n')).toThrow('not a map')
    expect(() => readYaml('just text')).toThrow('not a map')
    expect(() => readYaml('a: [1, 2')).toThrow('not YAML')
    expect(() => readYaml(`a: ${'['.repeat(30)}${']'.repeat(30)}\n`)).toThrow('deeper than 20')
    expect(() => readYaml(`a: ${'['.repeat(2000)}`)).toThrow(/deep|not YAML/)
    expect(() => readYaml(`a: ${'['.repeat(1_000_000)}`)).toThrow('words and signs')
    expect(() => readYaml(`a: [${'x, '.repeat(1_000_000)}x]`)).toThrow('words and signs')
    expect(readYaml(`a: '${'[x, '.repeat(1_000_000)}'`)).toHaveProperty('a')
    const bomb = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]']
    for (let level = 1; level < 12; level++)
      bomb.push(`a${level}: &a${level} [${Array.from({ length: 10 }, () => `*a${level - 1}`).join(', ')}]`)
    expect(() => readYaml(bomb.join('\n'))).toThrow('more than 100000 values')
    expect(() => readYaml('a: &a [*a]\n')).toThrow(/deeper|more than|not YAML/)
  })
})
