import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { didYouMean } from './closest.ts'

const known = ['name', 'input', 'output', 'max_batch_size', 'ä']
const closest = (name: string, names: readonly string[]): string | undefined =>
  /^; did you mean '(.*)'\?$/.exec(didYouMean(name, names))?.[1]

describe('the closest name', () => {
  it('is that of a slip of the finger', () => {
    expect(closest('nmae', known)).toBe('name')
    expect(closest('inputs', known)).toBe('input')
    expect(closest('max_batchsize', known)).toBe('max_batch_size')
    expect(closest('maxbatchsize', known)).toBe('max_batch_size')
    expect(closest('name', known)).toBe('name')
  })

  it('is none when nothing is near, for short names above all', () => {
    for (const name of ['sequence', '', 'x', 'nm', 'completely_else']) expect(closest(name, known)).toBeUndefined()
    expect(closest('name', [])).toBeUndefined()
  })

  it('is the nearest of several, the first of equals', () => {
    expect(closest('ports', ['sport', 'port'])).toBe('port')
    expect(closest('cat', ['bat', 'hat'])).toBe('bat')
  })

  it('is found for any single edit of a name of some length', () => {
    const name = 'max_batch_size'
    fc.assert(
      fc.property(fc.nat(name.length - 1), fc.constantFrom('', 'x', 'xy'), (at, letter) => {
        expect(closest(name.slice(0, at) + letter + name.slice(at + 1), known)).toBe(name)
      }),
    )
  })

  it('costs little for a name of any length', () => {
    expect(closest('x'.repeat(10_000_000), known)).toBeUndefined()
  })

  it('is told as a question, or not at all', () => {
    expect(didYouMean('nmae', known)).toBe("; did you mean 'name'?")
    expect(didYouMean('zzzzz', known)).toBe('')
  })
})
