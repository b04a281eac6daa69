import { describe, expect, it } from 'vitest'
import type { DataType, TensorSpec } from '../../tensor/index.ts'
import { rawInput } from './raw-input.ts'

const spec = (shape: number[], datatype: DataType = 'FP32'): TensorSpec => ({ name: 'x', datatype, shape })
const shapeOf = (shape: number[], bytes: number, datatype?: DataType): readonly number[] =>
  rawInput([spec(shape, datatype)], new Uint8Array(bytes)).shape

describe('a raw request', () => {
  it('tells the one open dimension by its length', () => {
    expect(shapeOf([-1, 4], 32)).toEqual([2, 4])
    expect(shapeOf([3, -1], 24)).toEqual([3, 2])
    expect(shapeOf([-1], 5, 'UINT8')).toEqual([5])
  })

  it('is one row when another dimension is open as well', () => {
    expect(shapeOf([-1, -1], 12)).toEqual([1, 3])
    expect(shapeOf([-1, 2, -1], 24)).toEqual([1, 2, 3])
  })

  it('of a fixed shape takes exactly its bytes', () => {
    expect(shapeOf([2, 2], 16)).toEqual([2, 2])
    expect(shapeOf([], 4)).toEqual([])
    for (const bytes of [0, 12, 15, 17, 20]) expect(() => shapeOf([2, 2], bytes)).toThrow("don't make FP32")
  })

  it('is refused when the length leaves part of a row, or nothing', () => {
    for (const bytes of [0, 4, 15, 17]) expect(() => shapeOf([-1, 4], bytes)).toThrow("don't make FP32 of shape [-1,4]")
    expect(() => shapeOf([-1, 0], 8)).toThrow("don't make")
  })

  it('is refused when its length can not tell the shape', () => {
    expect(() => shapeOf([2, -1, -1], 16)).toThrow("can't tell the 2 open dimensions of [2,-1,-1]")
    expect(() => shapeOf([-1, -1, -1], 16)).toThrow("can't tell the 2 open dimensions")
  })

  it('to a model of BYTES is one element, whatever it holds', () => {
    const body = Uint8Array.of(0, 255, 7)
    const tensor = rawInput([spec([-1, 1], 'BYTES')], body)
    expect(tensor.shape).toEqual([1, 1])
    expect([...tensor.data]).toEqual([3, 0, 0, 0, ...body])
    expect([...rawInput([spec([1], 'BYTES')], new Uint8Array()).data]).toEqual([0, 0, 0, 0])
  })

  it('needs a model with one input', () => {
    expect(() => rawInput([], new Uint8Array())).toThrow('exactly one input, this one has 0')
    expect(() => rawInput([spec([1]), spec([1])], new Uint8Array(4))).toThrow('this one has 2')
  })
})
