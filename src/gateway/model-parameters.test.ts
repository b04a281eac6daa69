import { describe, expect, it } from 'vitest'
import { modelParameters } from './model-parameters.ts'

describe('the parameters of a request', () => {
  it('reach a model that declares them, in its order and with all their digits', () => {
    const given = new Map<string, string | bigint | boolean | number[]>([
      ['unknown', 'x'],
      ['big', 9_007_199_254_740_993n],
      ['list', [1, 2.5]],
      ['text', 'a"b'],
      ['yes', true],
    ])
    expect(modelParameters(given, ['yes', 'text', 'big', 'list', 'absent'])).toBe(
      '{"yes":true,"text":"a\\"b","big":9007199254740993,"list":[1,2.5]}',
    )
  })

  it('are nothing where none is declared or given', () => {
    const given = new Map([['a', 1]])
    expect([
      modelParameters(given, undefined),
      modelParameters(given, ['b']),
      modelParameters(new Map(), ['a']),
    ]).toEqual(['', '', ''])
    expect(modelParameters(undefined, ['a'])).toBe('')
  })
})
