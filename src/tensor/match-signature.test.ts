import { describe, expect, it } from 'vitest'
import { checkAgainstSignature } from './match-signature.ts'
import { TensorError } from './tensor-error.ts'
import type { Signature, Tensor } from './tensor.ts'

const signature: Signature = {
  inputs: [
    { name: 'features', datatype: 'FP32', shape: [-1, 8] },
    { name: 'mask', datatype: 'BOOL', shape: [-1], optional: true },
  ],
  outputs: [],
}

const input = (name: string, shape: number[], datatype: Tensor['datatype'] = 'FP32'): Tensor => ({
  name,
  datatype,
  shape,
  data: new Uint8Array(0),
})

const refusal = (...inputs: Tensor[]): string => {
  try {
    checkAgainstSignature(inputs, signature)
  } catch (error) {
    if (error instanceof TensorError) return error.message
    throw error
  }
  return 'accepted'
}

describe('checkAgainstSignature', () => {
  it('accepts inputs in any order, any size where the model declares -1, and without the optional ones', () => {
    expect(refusal(input('features', [5, 8]))).toBe('accepted')
    expect(refusal(input('mask', [0], 'BOOL'), input('features', [1, 8]))).toBe('accepted')
  })

  it('names an input that is missing, although an optional one fills its place', () => {
    expect(refusal()).toBe("tensor 'features': the input is missing; expected FP32 [-1,8]")
    expect(refusal(input('mask', [1], 'BOOL'))).toContain("tensor 'features': the input is missing")
  })

  it('names an input the model does not have', () => {
    expect(refusal(input('features', [1, 8]), input('x', [1]))).toBe(
      "tensor 'x': unexpected inference input 'x'; the model takes features, mask",
    )
  })

  it('refuses an input given twice', () => {
    expect(refusal(input('features', [1, 8]), input('features', [1, 8]))).toBe(
      "tensor 'features': the input is given more than once",
    )
  })

  it('shows both datatypes when they differ', () => {
    expect(refusal(input('features', [1, 8], 'FP64'))).toBe("tensor 'features': expected datatype FP32, got FP64")
  })

  it('shows both shapes when a dimension or the rank differs', () => {
    expect(refusal(input('features', [1, 7]))).toBe("tensor 'features': expected shape [-1,8], got [1,7]")
    expect(refusal(input('features', [8]))).toBe("tensor 'features': expected shape [-1,8], got [8]")
    expect(refusal(input('features', [1, 8, 1]))).toBe("tensor 'features': expected shape [-1,8], got [1,8,1]")
  })
})
