import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Column, ModelSignature, ValueType } from './model-signature.ts'
import { accepts, signatureProblems } from './signature-compatibility.ts'

const scalar = (name: string): ValueType => ({ kind: 'scalar', name })
const column = (name: string | undefined, type: string, required = true): Column => ({
  name,
  type: scalar(type),
  required,
})
const columns = (...inputs: Column[]): ModelSignature => ({
  inputs: { kind: 'columns', columns: inputs },
  outputs: undefined,
  params: [],
})
const tensors = (dtype: string, shape: readonly number[], name?: string): ModelSignature => ({
  inputs: { kind: 'tensors', tensors: [{ name, dtype, shape }] },
  outputs: undefined,
  params: [],
})

const types: fc.Arbitrary<ValueType> = fc.letrec<{ type: ValueType }>((tie) => ({
  type: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    fc.constantFrom('boolean', 'integer', 'long', 'float', 'double', 'string').map(scalar),
    fc.constant<ValueType>({ kind: 'any' }),
    tie('type').map((items): ValueType => ({ kind: 'array', items })),
    tie('type').map((values): ValueType => ({ kind: 'map', values })),
    fc
      .uniqueArray(fc.record({ name: fc.constantFrom('a', 'b', 'c'), type: tie('type'), required: fc.boolean() }), {
        selector: ({ name }) => name,
        maxLength: 3,
      })
      .map((properties): ValueType => ({ kind: 'object', properties })),
  ),
})).type

/** A value with what its writer takes it for, as MLflow's enforcement sees it. */
type Sent =
  | { readonly scalar: string }
  | { readonly items: readonly Sent[] }
  | { readonly values: readonly Sent[] }
  | { readonly properties: ReadonlyMap<string, Sent> }

/** A value of a type: every alternative that the numbers choose. */
const valueOf = (type: ValueType, pick: () => number): Sent => {
  if (type.kind === 'scalar') return { scalar: type.name }
  if (type.kind === 'any') return { scalar: ['string', 'boolean', 'long'][pick() % 3] ?? 'string' }
  if (type.kind === 'array') return { items: pick() % 2 === 0 ? [] : [valueOf(type.items, pick)] }
  if (type.kind === 'map') return { values: pick() % 2 === 0 ? [] : [valueOf(type.values, pick)] }
  const kept = type.properties.filter(({ required }) => required || pick() % 2 === 0)
  return { properties: new Map(kept.map((property) => [property.name, valueOf(property.type, pick)])) }
}

const upcasts: Readonly<Record<string, readonly string[]>> = { long: ['integer'], double: ['integer', 'float'] }

/** MLflow's enforcement of a type, written for values rather than types. */
const enforced = (type: ValueType, sent: Sent): boolean => {
  if (type.kind === 'any') return true
  if (type.kind === 'scalar')
    return 'scalar' in sent && (sent.scalar === type.name || upcasts[type.name]?.includes(sent.scalar) === true)
  if (type.kind === 'array') return 'items' in sent && sent.items.every((item) => enforced(type.items, item))
  if (type.kind === 'map') return 'values' in sent && sent.values.every((value) => enforced(type.values, value))
  if (!('properties' in sent)) return false
  const known = new Map(type.properties.map((property) => [property.name, property]))
  return (
    type.properties.every(({ name, required }) => !required || sent.properties.has(name)) &&
    sent.properties.entries().every(([name, value]) => {
      const property = known.get(name)
      return property !== undefined && enforced(property.type, value)
    })
  )
}

const inputs = fc.uniqueArray(
  fc.record({ name: fc.constantFrom('x', 'y', 'z'), type: types, required: fc.boolean() }),
  {
    selector: ({ name }) => name,
    minLength: 1,
    maxLength: 3,
  },
)

describe('signatures', () => {
  it('that are said to fit take whatever the other one takes', () => {
    fc.assert(
      fc.property(inputs, inputs, fc.infiniteStream(fc.nat(5)), (wanted, given, picks) => {
        fc.pre(signatureProblems(columns(...wanted), columns(...given)).length === 0)
        const pick = (): number => picks.next().value ?? 0
        const row = new Map(
          given
            .filter(({ required }) => required || pick() % 2 === 0)
            .map((each) => [each.name, valueOf(each.type, pick)]),
        )
        for (const { name, type, required } of wanted) {
          const sent = row.get(name)
          expect(sent === undefined ? !required : enforced(type, sent)).toBe(true)
        }
      }),
      { numRuns: 500 },
    )
  })

  it('fit themselves, and what fits twice over fits', () => {
    fc.assert(
      fc.property(inputs, (own) => {
        expect(signatureProblems(columns(...own), columns(...own))).toEqual([])
      }),
    )
    fc.assert(
      fc.property(types, types, types, (a, b, c) => {
        if (accepts(a, b) && accepts(b, c)) expect(accepts(a, c)).toBe(true)
      }),
      { numRuns: 2000 },
    )
  })

  it('may gain optional inputs and lose any, but gain no required one', () => {
    const old = columns(column('a', 'long'), column('b', 'string', false))
    expect(signatureProblems(columns(column('a', 'long')), old)).toEqual([])
    expect(signatureProblems(columns(column('a', 'long'), column('c', 'long', false)), old)).toEqual([])
    expect(signatureProblems(columns(column('a', 'long'), column('c', 'long')), old)).toEqual([
      "input 'c' is required, and is new",
    ])
    expect(signatureProblems(columns(column('b', 'string')), old)).toEqual([
      "input 'b' may be left out on the one side, not on the other",
    ])
    expect(signatureProblems(columns(column('a', 'integer')), old)).toEqual(["input 'a': long doesn't fit integer"])
  })

  it('without names go by their place', () => {
    const old = columns(column(undefined, 'integer'), column(undefined, 'string'))
    expect(signatureProblems(columns(column(undefined, 'double')), old)).toEqual([])
    expect(signatureProblems(columns(column(undefined, 'string')), old)).toEqual([
      "input number 1: integer doesn't fit string",
    ])
    expect(signatureProblems(columns(column('a', 'integer')), old)).toEqual(['its inputs have names on one side only'])
  })

  it('of tensors take the same type, and shapes as wide', () => {
    expect(signatureProblems(tensors('float32', [-1, -1]), tensors('float32', [-1, 4]))).toEqual([])
    expect(signatureProblems(tensors('float32', [-1, 4]), tensors('float32', [-1, -1]))).toEqual([
      "input number 1: shape [-1, -1] doesn't fit [-1, 4]",
    ])
    expect(signatureProblems(tensors('float64', [-1]), tensors('float32', [-1]))).toHaveLength(1)
    expect(signatureProblems(tensors('float64', [-1, 2]), tensors('float64', [-1]))).toHaveLength(1)
    expect(signatureProblems(tensors('float64', [-1]), columns(column('a', 'long')))).toEqual([
      'its inputs are tensors on one side only',
    ])
  })

  it('keep the outputs that callers read, and params of their type', () => {
    const outputs = (...list: Column[]): ModelSignature => ({
      inputs: undefined,
      outputs: { kind: 'columns', columns: list },
      params: [],
    })
    const old = outputs(column('score', 'double'))
    expect(signatureProblems(outputs(column('score', 'float'), column('why', 'string')), old)).toEqual([])
    expect(signatureProblems(outputs(column('why', 'string')), old)).toEqual(["output 'score' is gone"])
    expect(signatureProblems(outputs(column('score', 'string')), old)).toEqual([
      "output 'score': string doesn't fit double",
    ])
    expect(signatureProblems(columns(), old)).toEqual(['it no longer says what its outputs are'])
    const params = (type: string, isList = false): ModelSignature => ({
      inputs: undefined,
      outputs: undefined,
      params: [{ name: 'k', type: scalar(type), isList }],
    })
    expect(signatureProblems(params('long'), params('integer'))).toEqual([])
    expect(signatureProblems(params('integer'), params('long'))).toHaveLength(1)
    expect(signatureProblems(params('long', true), params('long'))).toHaveLength(1)
    expect(signatureProblems(columns(), params('long'))).toEqual([])
  })
})
