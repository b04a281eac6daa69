import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeBytes, encodeStrings } from './bytes-elements.ts'
import type { DataType } from './datatype.ts'
import { datatypeBytes, datatypes } from './datatype.ts'
import { fromBfloatBits, fromHalfBits } from './float16.ts'
import { parseJson } from './json-reader.ts'
import { decodeJsonTensor } from './json-tensor.ts'
import { encodeJsonData } from './json-writer.ts'
import { joinRows, rowCount, splitRows } from './rows.ts'
import { checkTensor } from './shape.ts'
import { TensorError } from './tensor-error.ts'
import type { Tensor } from './tensor.ts'
import { tensorFromTypedArray, toTypedArray } from './typed-array.ts'

const text = fc.string({
  unit: fc.constantFrom('a', '"', '\\', '/', '\0', '\n', '\u007f', 'é', '\u2028', '\ufeff', '𝄞'),
})

const dataOf = (datatype: DataType, count: number, json: boolean): fc.Arbitrary<Uint8Array> => {
  const sized = { minLength: count, maxLength: count }
  if (datatype === 'BYTES') {
    return json
      ? fc.array(text, sized).map(encodeStrings)
      : fc.array(fc.uint8Array({ maxLength: 6 }), sized).map(encodeBytes)
  }
  if (datatype === 'BOOL' && json) return fc.uint8Array({ ...sized, max: 1 })
  const size = count * datatypeBytes[datatype]
  return fc.uint8Array({ minLength: size, maxLength: size })
}

/** Any bits as values, at any alignment; with `json`, only BYTES that are UTF-8 and BOOL of 0 and 1. */
const tensorOf = (datatype: DataType, shape: number[], json = false): fc.Arbitrary<Tensor> => {
  const count = shape.reduce((product, dimension) => product * dimension, 1)
  return fc.tuple(dataOf(datatype, count, json), fc.nat(7)).map(([data, offset]) => {
    const body = Uint8Array.of(...new Uint8Array(offset), ...data, 1, 2, 3)
    return { name: 'x', datatype, shape, data: body.subarray(offset, offset + data.length) }
  })
}

const anyShape = fc.array(fc.nat(3), { maxLength: 3 })

const bytesOf = ({ data }: Tensor): number[] => Array.from(data)

const isNaNPattern: Partial<Record<DataType, (bits: number) => boolean>> = {
  FP16: (bits) => Number.isNaN(fromHalfBits(bits)),
  BF16: (bits) => Number.isNaN(fromBfloatBits(bits)),
  FP32: Number.isNaN,
  FP64: Number.isNaN,
}

/** The bytes, each NaN as undefined: JSON has one NaN, so the others' bits can't come back. */
const bytesWithoutNaN = (tensor: Tensor): unknown[] => {
  const isNaNBits = isNaNPattern[tensor.datatype]
  if (isNaNBits === undefined) return bytesOf(tensor)
  const size = datatypeBytes[tensor.datatype]
  return Array.from(toTypedArray(tensor) as Float64Array, (value, index) =>
    isNaNBits(value) ? undefined : Array.from(tensor.data.subarray(index * size, (index + 1) * size)),
  )
}

describe.each(datatypes)('any %s tensor', (datatype) => {
  const anyTensor = anyShape.chain((shape) => tensorOf(datatype, shape))

  it('passes its check, and not with a byte more or less', () => {
    fc.assert(
      fc.property(anyTensor, (tensor) => {
        checkTensor(tensor)
        const longer = Uint8Array.of(...tensor.data, 0)
        expect(() => checkTensor({ ...tensor, data: longer })).toThrow(TensorError)
        if (tensor.data.length === 0) return
        const shorter = tensor.data.subarray(0, -1)
        expect(() => checkTensor({ ...tensor, data: shorter })).toThrow(TensorError)
      }),
    )
  })

  it('keeps its bits through joining and splitting', () => {
    const rows = fc.array(fc.nat(3), { minLength: 1, maxLength: 4 })
    const parts = fc
      .tuple(anyShape, rows)
      .chain(([rowShape, counts]) => fc.tuple(...counts.map((count) => tensorOf(datatype, [count, ...rowShape]))))
    fc.assert(
      fc.property(parts, (given) => {
        const joined = joinRows(given)
        checkTensor(joined)
        const split = splitRows(joined, given.map(rowCount))
        expect(split.map(({ shape }) => shape)).toEqual(given.map(({ shape }) => shape))
        expect(split.map(bytesOf)).toEqual(given.map(bytesOf))
      }),
    )
  })

  it('keeps its bits through JSON, NaN as NaN', () => {
    const jsonTensor = anyShape.chain((shape) => tensorOf(datatype, shape, true))
    fc.assert(
      fc.property(jsonTensor, (tensor) => {
        const data = parseJson(new TextEncoder().encode(encodeJsonData(tensor)))
        const back = decodeJsonTensor({ name: 'x', datatype, shape: tensor.shape, data, exact: true })
        expect(bytesWithoutNaN(back)).toEqual(bytesWithoutNaN(tensor))
      }),
    )
  })
})

describe.each(datatypes.filter((datatype) => datatype !== 'BYTES'))('any %s tensor', (datatype) => {
  it('keeps its bits as a typed array', () => {
    const anyTensor = anyShape.chain((shape) => tensorOf(datatype, shape))
    fc.assert(
      fc.property(anyTensor, (tensor) => {
        const back = tensorFromTypedArray('x', datatype, tensor.shape, toTypedArray(tensor))
        expect(bytesOf(back)).toEqual(bytesOf(tensor))
      }),
    )
  })
})
