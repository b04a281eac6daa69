import { describe, expect, it } from 'vitest'
import { TensorError } from './tensor-error.ts'
import type { Tensor } from './tensor.ts'
import { tensorFromTypedArray, toTypedArray } from './typed-array.ts'

/** 1 as FP32. */
const one: Tensor = { name: 'x', datatype: 'FP32', shape: [1], data: Uint8Array.of(0, 0, 128, 63) }

describe('toTypedArray', () => {
  it('views aligned data and copies others', () => {
    expect(toTypedArray(one).buffer).toBe(one.data.buffer)
    const unaligned = { ...one, data: Uint8Array.of(9, ...one.data).subarray(1) }
    expect(toTypedArray(unaligned)).toEqual(Float32Array.of(1))
    expect(toTypedArray(unaligned).buffer).not.toBe(unaligned.data.buffer)
  })

  it('copies unaligned data of a subclass whose slice would share its memory', () => {
    class Shared extends Uint8Array<ArrayBuffer> {
      override slice(start?: number, end?: number): Uint8Array<ArrayBuffer> {
        return this.subarray(start, end)
      }
    }
    const data = new Shared(Uint8Array.of(9, ...one.data).buffer).subarray(1)
    expect(toTypedArray({ ...one, data })).toEqual(Float32Array.of(1))
  })

  it('refuses BYTES and data that are not whole values', () => {
    expect(() => toTypedArray({ ...one, datatype: 'BYTES' })).toThrow(TensorError)
    expect(() => toTypedArray({ ...one, data: one.data.subarray(1) })).toThrow('3 bytes are not whole FP32 values')
  })
})

describe('tensorFromTypedArray', () => {
  it('refuses an array of another type or length', () => {
    expect(() => tensorFromTypedArray('x', 'FP32', [1], Float64Array.of(1))).toThrow("Float64Array can't hold FP32")
    expect(() => tensorFromTypedArray('x', 'FP32', [2], Float32Array.of(1))).toThrow('takes 2 values, got 1')
    expect(() => tensorFromTypedArray('x', 'BYTES', [1], Uint8Array.of(1))).toThrow(TensorError)
  })
})
