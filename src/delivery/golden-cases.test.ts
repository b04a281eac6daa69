import { describe, expect, it } from 'vitest'
import { readGoldenCases } from './golden-cases.ts'

const read = (document: unknown) => {
  const { count, tolerance, caseAt } = readGoldenCases(
    Buffer.from(typeof document === 'string' ? document : JSON.stringify(document)),
  )
  return { tolerance, cases: Array.from({ length: count }, (_, index) => caseAt(index)) }
}
const x = { name: 'x', datatype: 'FP32', shape: [1, 2], data: [1, 2] }

describe('a file of golden cases', () => {
  it('gives inputs and outputs as tensors, with a tolerance', () => {
    const { cases, tolerance } = read({
      cases: [{ inputs: [x], outputs: [{ ...x, name: 'y' }] }],
      tolerance: { absolute: 0.5 },
    })
    expect(cases).toHaveLength(1)
    expect(cases[0]?.inputs[0]).toMatchObject({ name: 'x', datatype: 'FP32', shape: [1, 2] })
    expect(cases[0]?.outputs[0]?.name).toBe('y')
    expect(tolerance).toEqual({ absolute: 0.5, relative: 0 })
    expect(read({ cases: [{ inputs: [x], outputs: [x] }] }).tolerance).toEqual({ absolute: 1e-6, relative: 1e-4 })
  })

  it('says what is wrong with it', () => {
    const one = (change: object) => ({ cases: [{ inputs: [{ ...x, ...change }], outputs: [x] }] })
    const wrong: [unknown, RegExp][] = [
      ['{', /golden.json: /],
      ['[]', /'cases' are a list/],
      [{ cases: [] }, /'cases' are a list/],
      [{ cases: Array.from({ length: 101 }, () => ({ inputs: [x], outputs: [x] })) }, /'cases' are a list/],
      [{ cases: [{ inputs: [x] }] }, /case 0 has no list of outputs/],
      [one({ name: 1 }), /a tensor has no name/],
      [one({ datatype: 'FLOAT' }), /datatype of 'x' is none of/],
      [one({ shape: [-1, 2] }), /shape of 'x' is no list of sizes/],
      [one({ shape: [2 ** 40, 2 ** 40] }), /'x'/],
      [one({ data: [1] }), /takes 2 values, got 1/],
      [{ ...one({}), tolerance: { absolute: -1 } }, /numbers of at least 0/],
      [{ ...one({}), tolerance: 'loose' }, /numbers of at least 0/],
      [`${'['.repeat(1_000_000)}`, /golden.json: /],
    ]
    for (const [document, reason] of wrong) expect(() => read(document)).toThrow(reason)
  })
})
