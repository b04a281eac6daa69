import { describe, expect, it } from 'vitest'
import type { Signature, TensorSpec } from '../tensor/index.ts'
import { signatureProblems } from './signature-check.ts'

const spec = (name: string, more: Partial<TensorSpec> = {}): TensorSpec => ({
  name,
  datatype: 'FP32',
  shape: [-1, 4],
  ...more,
})
const incumbent: Signature = { inputs: [spec('x')], outputs: [spec('y', { shape: [-1, 2] })] }
const problems = (change: Partial<Signature>, from: Signature = incumbent): string[] =>
  signatureProblems({ ...incumbent, ...change }, from)

describe('a candidate that callers of the incumbent can go on with', () => {
  it('takes all that they send and gives all that they read', () => {
    expect(problems({})).toEqual([])
    expect(problems({ inputs: [spec('x', { shape: [-1, -1] }), spec('more', { optional: true })] })).toEqual([])
    expect(problems({ outputs: [...incumbent.outputs, spec('z')] })).toEqual([])
    expect(problems({ outputs: [spec('y', { shape: [1, 2] })] })).toEqual([])
  })

  it('is not one that asks for more, takes less, or gives less', () => {
    const cases: [Partial<Signature>, string][] = [
      [{ inputs: [...incumbent.inputs, spec('more')] }, "input 'more' is required, and is new"],
      [{ inputs: [] }, "input 'x' is not taken any more"],
      [{ inputs: [spec('x', { datatype: 'FP64' })] }, "input 'x' takes FP64 instead of FP32"],
      [{ inputs: [spec('x', { shape: [8, 4] })] }, "input 'x' takes shape [8,4] instead of [-1,4]"],
      [{ inputs: [spec('x', { shape: [-1, 4, 1] })] }, "input 'x' takes shape [-1,4,1] instead of [-1,4]"],
      [{ outputs: [] }, "output 'y' is gone"],
      [{ outputs: [spec('y', { datatype: 'FP64', shape: [-1, 2] })] }, "output 'y' is FP64 instead of FP32"],
      [{ outputs: [spec('y', { shape: [-1, -1] })] }, "output 'y' has shape [-1,-1] instead of [-1,2]"],
    ]
    for (const [change, problem] of cases) expect(problems(change)).toEqual([problem])
    const texts: Signature = { inputs: [spec('x', { content: { type: 'string' } })], outputs: [] }
    const objects = { content: { type: 'object', properties: {} } }
    expect(problems({ inputs: [spec('x', objects)], outputs: [] }, texts)).toEqual([
      "input 'x' takes other values: string where object is expected",
    ])
    expect(
      problems(
        { ...texts, outputs: [spec('y', objects)] },
        { ...texts, outputs: [spec('y', { content: { type: 'string' } })] },
      ),
    ).toEqual(["output 'y' has other values: object where string is expected"])
    const optional: Signature = { ...incumbent, inputs: [spec('x', { optional: true })] }
    expect(problems({}, optional)).toEqual(["input 'x' can't be left out any more"])
  })
})
