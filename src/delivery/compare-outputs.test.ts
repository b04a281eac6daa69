import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { DataType, JsonValue, Tensor } from '../tensor/index.ts'
import { decodeJsonTensor } from '../tensor/index.ts'
import type { Answered } from './compare-outputs.ts'
import { infinite, notANumber, outputDifference } from './compare-outputs.ts'

const tensor = (datatype: DataType, data: JsonValue[], name = 'y'): Tensor =>
  decodeJsonTensor({ name, datatype, shape: [data.length], data, exact: true })

const exactly = { absolute: 0, relative: 0 }

describe('answers beside the expected ones', () => {
  it('may differ as much as the tolerance says, and no more', () => {
    const expected = [tensor('FP64', [100])]
    const within = { absolute: 0.5, relative: 0.01 }
    expect(outputDifference([tensor('FP64', [101.5])], expected, within)).toBeUndefined()
    expect(outputDifference([tensor('FP64', [98.49])], expected, within)).toBe(
      "output 'y' is 98.49 instead of 100 at position 0",
    )
  })

  it('are the same in every type, NaN and infinities too', () => {
    const cases: [DataType, JsonValue[]][] = [
      ['FP16', [1.5, Number.NaN, -Infinity]],
      ['BF16', [1.5, Infinity]],
      ['FP32', [0.1, Number.NaN]],
      ['FP64', [0.1, -Infinity]],
      ['INT64', [9007199254740993n]],
      ['BOOL', [true, false]],
      ['BYTES', ['a', '']],
    ]
    for (const [datatype, data] of cases)
      expect([datatype, outputDifference([tensor(datatype, data)], [tensor(datatype, data)], exactly)]).toEqual([
        datatype,
        undefined,
      ])
    expect(outputDifference([tensor('FP16', [1.5])], [tensor('FP16', [1.25])], exactly)).toMatch(
      /is 1.5 instead of 1.25/,
    )
    expect(
      outputDifference([tensor('FP32', [Number.NaN])], [tensor('FP32', [1])], { absolute: 9, relative: 9 }),
    ).toMatch(/is NaN/)
    expect(outputDifference([tensor('BYTES', ['b'])], [tensor('BYTES', ['a'])], { absolute: 9, relative: 9 })).toMatch(
      /is b instead of a/,
    )
  })

  it('must be there, of the type and the shape', () => {
    const expected = [tensor('FP32', [1, 2])]
    expect(outputDifference([], expected, exactly)).toBe("output 'y' is missing")
    expect(outputDifference([tensor('FP64', [1, 2])], expected, exactly)).toMatch(/is FP64 instead of FP32/)
    expect(outputDifference([tensor('FP32', [1])], expected, exactly)).toMatch(/has shape \[1\] instead of \[2\]/)
    expect(outputDifference([...expected, tensor('FP32', [7], 'z')], expected, exactly)).toBeUndefined()
  })

  it('are found different exactly where a value is beyond the tolerance', () => {
    const values = fc.array(fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 }), {
      minLength: 1,
      maxLength: 20,
    })
    fc.assert(
      fc.property(values, fc.nat(), fc.double({ min: 0, max: 1, noNaN: true }), (data, place, absolute) => {
        const at = place % data.length
        const moved = data.map((value, index) => (index === at ? value + absolute * 2 + 1 : value))
        const expected = [tensor('FP64', data)]
        expect(outputDifference(expected, expected, { absolute, relative: 0 })).toBeUndefined()
        expect(outputDifference([tensor('FP64', moved)], expected, { absolute, relative: 0 })).toMatch(
          `at position ${at}`,
        )
      }),
    )
  })
})

describe('an answer that is none', () => {
  const plain = (...outputs: Tensor[]): Answered => ({ outputs })
  const written = (...texts: string[]): Answered => ({
    outputs: [tensor('FP64', [Number.NaN])],
    predictions: { form: 'json', names: [], json: tensor('BYTES', texts), nulls: [] },
  })

  it('is one that is not a number; infinities and other types are', () => {
    expect(notANumber(plain(tensor('FP64', [1]), tensor('FP32', [1, Number.NaN], 'z')))).toBe(
      "output 'z' is not a number (NaN) at position 1",
    )
    expect(notANumber(plain(tensor('FP16', [Number.NaN])))).toBeDefined()
    expect(notANumber(plain(tensor('BF16', [Number.NaN])))).toBeDefined()
    expect(notANumber(plain(tensor('FP64', [Infinity]), tensor('INT64', [1]), tensor('BYTES', ['NaN'])))).toBe(
      undefined,
    )
    expect(infinite(plain(tensor('FP64', [1]), tensor('FP32', [1, -Infinity], 'z')))).toBe(
      "output 'z' is infinite at position 1",
    )
    expect(infinite(plain(tensor('FP64', [Number.NaN]), tensor('BYTES', ['Infinity'])))).toBe(undefined)
  })

  it('is found within JSON too, though not in its texts', () => {
    expect(notANumber(written('{"a": 1}', '{"score": [1, NaN]}'))).toBe(
      'its answer is not a number (NaN) in {"score": [1, NaN',
    )
    expect(notANumber(written('{"a NaN": "NaN \\" NaN", "b": null}', '["\\\\", "NaN"]', '"NaN"'))).toBe(undefined)
    expect(notANumber(written('["\\\\", NaN]'))).toBeDefined()
    expect(infinite(written('{"a": -Infinity, "b": "x"}'))).toBe('its answer is infinite in {"a": -Infinity')
  })
})
