import { describe, expect, it } from 'vitest'
import { readSignature } from './read-signature.ts'

const mlmodel = (signature: object): string =>
  `artifact_path: model\nflavors:\n  onnx: {}\nsignature: ${JSON.stringify(signature)}\n`

describe('an MLmodel file', () => {
  it('tells inputs, outputs and params, nested types among them', () => {
    const text = mlmodel({
      inputs: JSON.stringify([
        { type: 'double', name: 'amount', required: true },
        {
          type: 'array',
          items: { type: 'object', properties: { a: { type: 'long', required: false } } },
          name: 'rows',
          required: false,
        },
      ]),
      outputs: JSON.stringify([{ type: 'tensor', 'tensor-spec': { dtype: 'float32', shape: [-1, 2] } }]),
      params: JSON.stringify([
        { name: 'k', type: 'long', default: 3, shape: null },
        { name: 'l', dtype: 'float', default: [], shape: [-1] },
      ]),
    })
    const property = { name: 'a', type: { kind: 'scalar', name: 'long' }, required: false }
    expect(readSignature(text)).toEqual({
      inputs: {
        kind: 'columns',
        columns: [
          { name: 'amount', type: { kind: 'scalar', name: 'double' }, required: true },
          { name: 'rows', type: { kind: 'array', items: { kind: 'object', properties: [property] } }, required: false },
        ],
      },
      outputs: { kind: 'tensors', tensors: [{ name: undefined, dtype: 'float32', shape: [-1, 2] }] },
      params: [
        { name: 'k', type: { kind: 'scalar', name: 'long' }, isList: false },
        { name: 'l', type: { kind: 'scalar', name: 'float' }, isList: true },
      ],
    })
  })

  it('may have no signature, or one that leaves parts out', () => {
    expect(readSignature('flavors: {}')).toBeUndefined()
    expect(readSignature(mlmodel({ inputs: null, outputs: null, params: null }))).toEqual({
      inputs: undefined,
      outputs: undefined,
      params: [],
    })
  })

  it('is refused when it is damaged or hostile', () => {
    const deep = '{"type":"array","items":'.repeat(100) + '{"type":"long"}' + '}'.repeat(100)
    const bomb = `a: &a [x, x]\nb: &b [${'*a, '.repeat(30)}]\nc: [${'*b, '.repeat(30)}]\nsignature: {}`
    for (const text of [
      'a: [',
      '[]',
      '!!js/function x',
      mlmodel({ inputs: 'nonsense' }),
      mlmodel({ inputs: '{}' }),
      mlmodel({ inputs: '[{"type":"spaceship"}]' }),
      mlmodel({ inputs: `[${deep}]` }),
      mlmodel({ inputs: '[{"type":"tensor","tensor-spec":{"dtype":"float32","shape":"x"}}]' }),
      mlmodel({ inputs: '[{"type":"tensor","tensor-spec":{"dtype":"float32","shape":[1]}},{"type":"long"}]' }),
      mlmodel({ params: '[{"type":"long"}]' }),
      bomb,
    ])
      expect(() => readSignature(text), text).toThrow(expect.objectContaining({ name: 'SignatureError' }) as Error)
  })
})
