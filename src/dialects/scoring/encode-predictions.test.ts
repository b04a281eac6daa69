import { describe, expect, it } from 'vitest'
import { decodeJsonTensor, encodeBytes, encodeStrings } from '../../tensor/index.ts'
import type { JsonValue, Tensor } from '../../tensor/index.ts'
import { encodePredictions } from './encode-predictions.ts'

const numbers = (name: string, shape: number[], data: JsonValue[]): Tensor =>
  decodeJsonTensor({ name, datatype: 'FP64', shape, data, exact: true })
const texts = (shape: number[], values: string[]): Tensor => ({
  name: 't',
  datatype: 'BYTES',
  shape,
  data: encodeStrings(values),
})

const laidOut = (
  outputs: readonly Tensor[],
  form: string,
  { names = [] as string[], json = undefined as Tensor | undefined, nulls = [] as Tensor[] } = {},
) => encodePredictions({ outputs, predictions: { form, names, json, nulls } })

describe('predictions', () => {
  const column = numbers('a', [2, 1], [1, 2])
  const matrix = numbers('m', [2, 2], [1, 2, 3, 4])

  it('have nulls as JSON alone', () => {
    const nulls = [{ name: 'a', datatype: 'BOOL' as const, shape: [2, 1], data: Uint8Array.of(0, 1) }]
    expect(laidOut([column], 'json', { nulls, json: texts([2], ['{"a":1}', '{"a":null}']) })).toEqual({
      text: '[{"a":1},{"a":null}]',
    })
    expect(laidOut([column], 'json', { nulls })).toEqual({
      reason: "its output 'a' is null at position 1, which its datatype can't say",
    })
  })

  it('are laid out as the model says', () => {
    expect(encodePredictions({ outputs: [column] })).toEqual({ text: '[1,2]' })
    expect(laidOut([column], 'array')).toEqual({ text: '[[1],[2]]' })
    expect(laidOut([column], 'records')).toEqual({ text: '[{"a":1},{"a":2}]' })
    expect(laidOut([column], 'records', { names: ['0'] })).toEqual({ text: '[{"0":1},{"0":2}]' })
    expect(laidOut([matrix], 'records', { names: ['x"', 'y'] })).toEqual({
      text: String.raw`[{"x\"":1,"y":2},{"x\"":3,"y":4}]`,
    })
    expect(laidOut([column, numbers('b', [2], [3, 4])], 'rows')).toEqual({ text: '[[1,3],[2,4]]' })
    expect(laidOut([column, matrix], 'dict')).toEqual({ text: '{"a":[[1],[2]],"m":[[1,2],[3,4]]}' })
    expect(laidOut([numbers('n', [], [3])], 'array')).toEqual({ text: '3' })
    expect(laidOut([numbers('n', [0, 2], [])], 'array')).toEqual({ text: '[]' })
    expect(laidOut([], 'dict')).toEqual({ text: '{}' })
  })

  it('are JSON only where the model says so', () => {
    expect(laidOut([texts([2], ['[1]', 'null'])], 'array')).toEqual({ text: '["[1]","null"]' })
    expect(laidOut([column], 'json', { json: texts([2], ['[1]', 'null']) })).toEqual({ text: '[[1],null]' })
    expect(laidOut([column], 'json', { json: texts([], ['{"a": 1}']) })).toEqual({ text: '{"a": 1}' })
  })

  it('are laid out by their outputs where these have not the form', () => {
    for (const [form, names] of [
      ['records', ['a', 'b']],
      ['array', []],
      ['records', []],
      ['rows', []],
      ['other', []],
    ] as const)
      expect(laidOut([column, numbers('b', [3], [1, 2, 3])], form, { names: [...names] })).toEqual({
        text: '{"a":[1,2],"b":[1,2,3]}',
      })
    expect(laidOut([matrix], 'records', { names: ['a'] })).toEqual({ text: '[[1,2],[3,4]]' })
  })

  it('say which output is no text', () => {
    const data = encodeBytes([Uint8Array.of(0xff, 0)])
    expect(encodePredictions({ outputs: [{ name: 'raw', datatype: 'BYTES', shape: [1], data }] })).toEqual({
      reason: "its output 'raw' is no text: element 0 is not valid UTF-8",
    })
  })
})
