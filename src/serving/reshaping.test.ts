import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseModelConfigText } from './model-config/parse-model-config.ts'
import { validateModelConfig } from './model-config/validate-model-config.ts'
import type { Reshaping } from './reshaping.ts'
import { ReshapeError, reshapeDims, reshaping } from './reshaping.ts'

const configured = (text: string): Reshaping | undefined => {
  const { config } = parseModelConfigText(text, 'config.pbtxt')
  validateModelConfig(config, 'm')
  return reshaping(config)
}

const both = (dims: string, shape: string, maxBatchSize: number): Reshaping => {
  const tensor = `data_type: TYPE_FP32 dims: [ ${dims} ] reshape { shape: [ ${shape} ] } }`
  const found = configured(`max_batch_size: ${maxBatchSize} input { name: "x" ${tensor} output { name: "y" ${tensor}`)
  if (found === undefined) throw new Error('there is a reshape')
  return found
}

const shapeOf = (shaped: readonly { readonly shape: readonly number[] }[]): readonly number[] | undefined =>
  shaped[0]?.shape

/** Two ways to write one number of elements. */
const stretch = fc
  .array(fc.integer({ min: 1, max: 5 }), { maxLength: 3 })
  .map((factors) => [factors, factors.length > 1 ? [factors.reduce((a, b) => a * b, 1)] : [...factors, 1]] as const)

const pairs = fc.array(stretch, { minLength: 1, maxLength: 4 }).map((stretches) => ({
  dims: stretches.flatMap(([one], index) => (index === 0 ? one : [-1, ...one])),
  reshape: stretches.flatMap(([, other], index) => (index === 0 ? other : [-1, ...other])),
  open: stretches.length - 1,
}))

describe('reshaping', () => {
  it('is not there without a reshape', () => {
    expect(configured('input { name: "x" data_type: TYPE_FP32 dims: [ 1 ] }')).toBeUndefined()
  })

  it('leaves the rows of a batch in front', () => {
    const { toModel, toClient } = both('1', '', 8)
    expect(shapeOf(toModel([{ name: 'x', shape: [5, 1] }]))).toEqual([5])
    expect(shapeOf(toClient([{ name: 'y', shape: [5] }]))).toEqual([5, 1])
  })

  it('takes the whole shape of a model without a batch dimension', () => {
    const { toModel, toClient } = both('3, 224, 224', '1, 3, 224, 224', 0)
    expect(shapeOf(toModel([{ name: 'x', shape: [3, 224, 224] }]))).toEqual([1, 3, 224, 224])
    expect(shapeOf(toClient([{ name: 'y', shape: [1, 3, 224, 224] }]))).toEqual([3, 224, 224])
  })

  it('gives open dimensions their sizes in order', () => {
    const { toModel, toClient } = both('2, 4, -1, 6, -1', '8, -1, 1, 6, -1, 1', 4)
    expect(shapeOf(toModel([{ name: 'x', shape: [3, 2, 4, 7, 6, 9] }]))).toEqual([3, 8, 7, 1, 6, 9, 1])
    expect(shapeOf(toClient([{ name: 'y', shape: [3, 8, 0, 1, 6, 2, 1] }]))).toEqual([3, 2, 4, 0, 6, 2])
  })

  it('leaves other tensors, and everything but the shape, as they are', () => {
    const { toModel } = both('1', '', 8)
    const data = new Uint8Array(4)
    const other = { name: 'z', shape: [5, 1], data }
    const [kept, changed] = toModel([other, { name: 'x', shape: [1, 1], data }])
    expect(kept).toBe(other)
    expect(changed?.data).toBe(data)
  })

  it.each([
    [[5, 2], 8],
    [[], 8],
    [[5, 1, 1], 8],
    [[2], 0],
  ])('refuses the shape %j, which is not the one written', (shape, maxBatchSize) => {
    expect(() => both('1', '', maxBatchSize).toModel([{ name: 'x', shape }])).toThrow(ReshapeError)
  })

  it('and back is the shape that it was, of as many elements', () => {
    const product = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1)
    fc.assert(
      fc.property(
        pairs.chain((pair) =>
          fc.record({
            pair: fc.constant(pair),
            sizes: fc.array(fc.integer({ min: 0, max: 9 }), { minLength: pair.open, maxLength: pair.open }),
            rows: fc.integer({ min: 0, max: 9 }),
          }),
        ),
        ({ pair: { dims, reshape }, sizes, rows }) => {
          let next = 0
          const shape = dims.map((dimension) => (dimension === -1 ? (sizes[next++] ?? 0) : dimension))
          const there = reshapeDims(shape, dims, reshape)
          expect(product(there ?? [])).toBe(product(shape))
          expect(reshapeDims(there ?? [], reshape, dims)).toEqual(shape)
          const { toModel, toClient } = both(dims.join(', '), reshape.join(', '), 8)
          const model = shapeOf(toModel([{ name: 'x', shape: [rows, ...shape] }])) ?? []
          expect(model).toEqual([rows, ...(there ?? [])])
          expect(shapeOf(toClient([{ name: 'y', shape: model }]))).toEqual([rows, ...shape])
        },
      ),
    )
  })
})
