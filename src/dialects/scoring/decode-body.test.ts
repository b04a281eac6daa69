import { describe, expect, it } from 'vitest'
import { AppError } from '../../protocol/index.ts'
import { decodeStrings, toTypedArray } from '../../tensor/index.ts'
import type { TensorSpec } from '../../tensor/index.ts'
import type { DecodedScoring } from './decode-body.ts'
import { decodeScoringBody } from './decode-body.ts'

const decode = (body: string, inputs: readonly TensorSpec[] = [], form: 'json' | 'csv' = 'json'): DecodedScoring =>
  decodeScoringBody({
    body: Buffer.from(body),
    form,
    target: { inputs, features: undefined, open: true, readsBodies: false, parametric: false },
    depthMax: 20,
    apart: false,
  })

const shown = ({ inputs }: DecodedScoring): unknown =>
  inputs.map((tensor) => [
    tensor.name,
    tensor.datatype,
    tensor.shape,
    tensor.datatype === 'BYTES' ? decodeStrings(tensor) : [...toTypedArray(tensor)],
  ])

describe('a table for a model that takes what comes', () => {
  it('has the types of its cells', () => {
    const body = '{"inputs":{"a":[1,2],"b":[1,2.5],"c":[null,1],"d":["1","x"],"e":[true,false]}}'
    expect(shown(decode(body))).toEqual([
      ['a', 'INT64', [2, 1], [1n, 2n]],
      ['b', 'FP64', [2, 1], [1, 2.5]],
      ['c', 'FP64', [2, 1], [Number.NaN, 1]],
      ['d', 'BYTES', [2, 1], ['1', 'x']],
      ['e', 'BOOL', [2, 1], [1, 0]],
    ])
    expect(shown(decode('a,b,c,d\n1,1,x,True\n2,,NA,False\n', [], 'csv'))).toEqual([
      ['a', 'INT64', [2, 1], [1n, 2n]],
      ['b', 'FP64', [2, 1], [1, Number.NaN]],
      ['c', 'BYTES', [2, 1], ['x', '']],
      ['d', 'BOOL', [2, 1], [1, 0]],
    ])
  })

  it('is one array when it has no names', () => {
    expect(shown(decode('{"inputs":[[1,2],[3,4.5]]}'))).toEqual([['input-0', 'FP64', [2, 2], [1, 2, 3, 4.5]]])
    expect(shown(decode('{"instances":["a","b"]}'))).toEqual([['input-0', 'BYTES', [2], ['a', 'b']]])
    expect(shown(decode('{"inputs":{"x":[[1,2]]}}'))).toEqual([['x', 'INT64', [1, 2], [1n, 2n]]])
  })

  it('keeps missing words apart from empty ones', () => {
    const { nulls } = decode('{"dataframe_records":[{"w":"a"},{"w":null},{}]}')
    expect([...nulls]).toEqual([['w', Uint8Array.of(0, 1, 1)]])
    expect(decode('{"dataframe_records":[{"w":""}]}').nulls.size).toBe(0)
  })

  it('may not mix words with numbers, nor name what travels beside tensors', () => {
    for (const body of ['{"inputs":{"a":[1,"x"]}}', '{"inputs":{"a":[true,1]}}', '{"inputs":{"a\\u0000null":[true]}}'])
      expect(() => decode(body), body).toThrow(AppError)
  })
})

describe('a table made to take long', () => {
  const soon = (work: () => unknown): void => {
    const startedMs = performance.now()
    work()
    expect(performance.now() - startedMs).toBeLessThan(5000)
  }
  const names = Array.from({ length: 60_000 }, (_, index) => `c${index}`)

  it('with very many columns is read as soon as any other', () => {
    const row = names.map(() => 1)
    const split = JSON.stringify({ dataframe_split: { columns: names, data: [row] } })
    soon(() => expect(decode(split).inputs).toHaveLength(names.length))
    const record = JSON.stringify({ dataframe_records: [{}, Object.fromEntries(names.map((name) => [name, 1]))] })
    soon(() => expect(decode(record).inputs).toHaveLength(names.length))
  })

  it('whose rows have a column each is refused before its cells are looked at', () => {
    const records = JSON.stringify({ dataframe_records: names.map((name) => ({ [name]: 1 })) })
    soon(() => expect(() => decode(records)).toThrow('a table of 60000 rows and 60000 columns exceeds the limit'))
  })

  it('that is deep in one place alone is refused', () => {
    const body = `{"inputs":[${'['.repeat(15)}1${']'.repeat(15)}${',1'.repeat(500_000)}]}`
    soon(() => expect(() => decode(body)).toThrow('ragged'))
  })
})

describe('the params of a body', () => {
  it('are values and lists of values', () => {
    const { parameters } = decode('{"inputs":[1],"params":{"a":1,"b":"x","c":true,"d":[1,2],"e":null}}')
    expect([...parameters]).toEqual([
      ['a', 1],
      ['b', 'x'],
      ['c', true],
      ['d', [1, 2]],
    ])
    expect(() => decode('{"inputs":[1],"params":{"a":{}}}')).toThrow(/parameter 'a' must be/)
    expect(decode('{"inputs":[1],"params":3}').parameters.size).toBe(0)
  })
})

describe('columns that are only counted', () => {
  it('are taken in their order, whatever they are called', () => {
    const inputs = [0, 1].map((index): TensorSpec => ({ name: `input-${index}`, datatype: 'FP64', shape: [-1, 1] }))
    const expected = [
      ['input-0', 'FP64', [1, 1], [1]],
      ['input-1', 'FP64', [1, 1], [2]],
    ]
    expect(shown(decode('{"dataframe_split":{"data":[[1,2,3]]}}', inputs))).toEqual(expected)
    expect(shown(decode('{"dataframe_records":[{"x":1,"y":2}]}', inputs))).toEqual(expected)
    expect(() => decode('{"inputs":[[1]]}', inputs)).toThrow(/missing inputs/)
  })

  it('are found by their numbers where numbers are their names', () => {
    const inputs = ['0', '1'].map((name): TensorSpec => ({ name, datatype: 'FP64', shape: [-1, 1] }))
    const expected = [
      ['0', 'FP64', [1, 1], [1]],
      ['1', 'FP64', [1, 1], [2]],
    ]
    expect(shown(decode('{"dataframe_split":{"data":[[1,2,3]]}}', inputs))).toEqual(expected)
    expect(shown(decode('{"dataframe_split":{"columns":[1,0],"data":[[2,1]]}}', inputs))).toEqual(expected)
    expect(() => decode('{"dataframe_split":{"data":[[1]]}}', inputs)).toThrow(/missing inputs/)
    expect(() => decode('{"dataframe_records":[{"x":1,"y":2}]}', inputs)).toThrow(/missing inputs/)
  })
})
