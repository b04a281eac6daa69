import { describe, expect, it } from 'vitest'
import { contentProblem } from './content-check.ts'

const text = { type: 'string' }
const array = (items: object) => ({ type: 'array', items })
const map = (values: object) => ({ type: 'map', values })
const object = (properties: Record<string, object>) => ({ type: 'object', properties })
const optional = (type: object) => ({ ...type, required: false })

describe('values within BYTES', () => {
  it('of one type are those of another', () => {
    const message = object({ role: text, turn: optional({ type: 'long' }) })
    for (const type of [text, array(text), map(array(text)), message, array(message)]) {
      expect(contentProblem(type, type, true)).toBeUndefined()
      expect(contentProblem({ type: 'any' }, type, true)).toBeUndefined()
      expect(contentProblem(type, undefined, true)).toBeUndefined()
      expect(contentProblem(undefined, type, true)).toBeUndefined()
    }
    expect(contentProblem(message, object({ role: text }), true)).toBeUndefined()
    expect(contentProblem(object({ role: text }), message, false)).toBeUndefined()
  })

  it.each([
    [{ type: 'datetime' }, text, 'string where datetime is expected'],
    [array(text), text, 'string where array is expected'],
    [array(array(text)), array(map(text)), 'map where array is expected at []'],
    [object({ a: text }), object({ a: { type: 'long' } }), 'long where string is expected at .a'],
    [object({ a: text }), object({ a: optional(text) }), 'nothing may be there at .a'],
    [array(object({ a: text, b: text })), array(object({ a: text })), 'nothing may be there at [].b'],
    [map(object({})), map(object({ a: text })), 'nothing is expected at [].a'],
    [text, {}, 'a value where string is expected'],
    [text, null, 'a value where string is expected'],
  ])('are not: %j, %j', (wanted, given, problem) => {
    expect(contentProblem(wanted, given, true)).toBe(problem)
  })

  it('are not followed without end', () => {
    const deep = (depth: number): object => (depth === 0 ? text : array(deep(depth - 1)))
    expect(contentProblem(deep(20), deep(21), true)).toMatch(/^array where string/)
    expect(contentProblem(deep(5000), deep(5001), true)).toBeUndefined()
  })
})
