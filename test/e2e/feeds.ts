import type { TensorSpec } from '../../src/tensor/index.ts'
import type { JsonTensor } from '../../src/tensor/index.ts'
import { seededRandom } from '../../src/testing/index.ts'

const elementsMax = 200_000

/** Inputs that fit a signature, always the same for the same one; undefined when they would be large. */
export const feedsFor = (inputs: readonly TensorSpec[]): JsonTensor[] | undefined => {
  const random = seededRandom(7)
  const feeds: JsonTensor[] = []
  for (const { name, datatype, shape: declared } of inputs) {
    const shape = declared.map((dimension) => (dimension === -1 ? 2 : dimension))
    const count = shape.reduce((product, dimension) => product * dimension, 1)
    if (count > elementsMax) return undefined
    const value = (): number | boolean | string => {
      if (datatype === 'BOOL') return random.chance(0.5)
      if (datatype === 'BYTES') return `text ${random.int(4)}`
      return /^(FP|BF)/.test(datatype) ? random.next() - 0.5 : random.int(4)
    }
    feeds.push({ name, datatype, shape, data: Array.from({ length: count }, value) })
  }
  return feeds
}
