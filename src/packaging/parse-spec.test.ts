import { describe, expect, it } from 'vitest'
import { PackagingError } from './packaging-error.ts'
import { parseSpec } from './parse-spec.ts'

const problems = (text: string): readonly string[] => {
  try {
    parseSpec(text, 'model.yaml')
    return []
  } catch (error) {
    if (error instanceof PackagingError) return error.problems
    throw error
  }
}
const least = 'model: m.onnx\nname: m\n'

describe('a model.yaml', () => {
  it('is read with what it says', () => {
    const text = `${least}version: 7\nresources: { memory: 1.5GiB, requirements: ['numpy>=1'] }\nmetadata: { owner: me }\n`
    expect(parseSpec(text, 'model.yaml')).toEqual({
      model: 'm.onnx',
      name: 'm',
      version: 7,
      resources: { memory: 1.5 * 1024 ** 3, requirements: ['numpy>=1'] },
      metadata: { owner: 'me' },
    })
    for (const model of ['models:/churn@champion', 'models:/churn/3', 'runs:/0af/model', './a/b.onnx'])
      expect(problems(`model: ${model}\nname: m\n`)).toEqual([])
  })

  it('is told of every mistake at once', () => {
    const text = `
name: "has space"
version: 0
resurces: { threads: 1 }
resources: { instances: many, memory: 12 parsecs, thread: 2 }
signature: { inputs: [{ name: x, datatype: FP33, shape: [a] }, { name: x, shape: [1] }] }
preprocess: 3
metadata: [1]
`
    expect(problems(text)).toEqual([
      'model.yaml: name: must be a name of letters, digits, _, . and -',
      'model.yaml: version: must be a whole number from 1 to 999999999999999',
      "model.yaml: resurces: there is no such field; did you mean 'resources'?",
      'model.yaml: resources.instances: must be a whole number from 1 to 256',
      'model.yaml: resources.memory: must be a size such as 512MiB or 2GiB',
      "model.yaml: resources.thread: there is no such field; did you mean 'threads'?",
      expect.stringMatching(/signature.inputs\[0\].datatype: must be one of .*; did you mean 'FP32'\?/),
      'model.yaml: signature.inputs[0].shape[0]: must be a whole number from -1 to 2147483648',
      'model.yaml: signature.inputs[1].datatype: is missing',
      'model.yaml: preprocess: must be a text (put it in quotes)',
      'model.yaml: metadata: must be an object with names and values',
      'model.yaml: model: is missing',
    ])
  })

  it('joins no rows where there are none, nor more than it says', () => {
    const tensors = (shape: string): string =>
      `signature: { inputs: [{ name: x, datatype: FP32, shape: [-1, 2] }], outputs: [{ name: y, datatype: FP32, shape: ${shape} }] }\n`
    const sample = 'warmup: [{ inputs: { x: { datatype: FP32, shape: [3, 2], values: [1, 2, 3, 4, 5, 6] } } }]\n'
    for (const right of [
      `batching: { rows: 3 }\n${tensors('[-1]')}${sample}`,
      `batching: { rows: 0 }\n${tensors('[2]')}${sample}`,
    ])
      expect(problems(least + right)).toEqual([])
    expect(problems(`${least}batching: { rows: 2 }\n${tensors('[2]')}${sample}`)).toEqual([
      "model.yaml: signature.outputs: 'y' must begin with -1, since rows are joined",
      'model.yaml: warmup[0]: has 3 rows; batching.rows is 2',
    ])
    expect(problems(`${least}batching: {}\n`)).toEqual(['model.yaml: batching.rows: is missing'])
  })

  it.each([
    ['/etc/passwd', /path below the folder/],
    ['../other/model.onnx', /must not lead out/],
    ['a/../../b.onnx', /must not lead out/],
    ['C:/model.onnx', /path below the folder/],
    ['a\\..\\b.onnx', /path below the folder/],
  ])('may not name %s', (path, reason) => {
    expect(problems(`model: '${path}'\nname: m\n`)).toEqual([expect.stringMatching(reason)])
    expect(problems(`${least}preprocess: '${path}'\n`).join('\n')).toMatch(reason)
  })

  it('may not be a bomb, nor hide what it says', () => {
    const bomb = `a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n${least}metadata: *c\n`
    expect(problems(bomb).join()).toMatch(/[Aa]lias/)
    expect(problems(`${least}name: n\n`).join()).toMatch(/unique/)
    expect(problems(`${least}__proto__: { model: x }\n`).join()).toMatch(/__proto__: there is no such field/)
    expect(problems(`${least}constructor: 1\n`).join()).toMatch(/constructor: there is no such field/)
    for (const deep of ['[', '- ', '? ', '{a: ', '-\t'])
      expect(problems(`metadata: ${deep.repeat(300_000)}`)).toEqual(['model.yaml: nests deeper than 100'])
    expect(problems(`${least}metadata: { a: ${'x'.repeat(20_000)} }\n`).join()).toMatch(/longer than 10000/)
    expect(problems('- a\n').join()).toMatch(/must be an object/)
    expect(problems('').join()).toMatch(/must be an object/)
    expect(problems(`${least}resources: { requirements: ['--index-url http://x'] }\n`).join()).toMatch(
      /is not a requirement/,
    )
    expect(problems(`{${Array.from({ length: 500 }, (_, index) => `f${index}: 1`).join(',')}}`).length).toBe(50)
  })
})
