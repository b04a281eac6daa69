import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildOnnx, eventually, mlpModel, startTestApp } from '../../src/testing/index.ts'
import type { TestApp } from '../../src/testing/index.ts'
import { describeWithPython, pythonFlags } from './test-python.ts'

/** Text to numbers: the length of every word, and one. */
const lengths = `
export const preprocess = ({ words }) => {
  const x = new Float32Array(words.data.length * 2)
  words.data.forEach((word, row) => { x[2 * row] = word.length; x[2 * row + 1] = 1 })
  return { x: { datatype: 'FP32', shape: [words.data.length, 2], data: x } }
}
`
/** Doubles its one input. */
const doubling = `
export const signature = {
  inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 2] }],
  outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 2] }],
}
export const batched = true
export const predict = ({ x }) => ({ y: x.data.map((value) => value * 2) })
`
const labels = `
export const postprocess = ({ y }) => ({
  label: Array.from({ length: y.shape[0] }, (_, row) => (y.data[2 * row] > 6 ? 'long' : 'short')),
})
`
const config = `
max_batch_size: 8
dynamic_batching { max_queue_delay_microseconds: 1000 }
input { name: "words" data_type: TYPE_STRING dims: [ 1 ] }
output { name: "label" data_type: TYPE_STRING dims: [ 1 ] }
parameters { key: "preprocess" value { string_value: "pre.ts" } }
parameters { key: "postprocess" value { string_value: "post.ts" } }
`
const words = (...data: string[]): object => ({
  inputs: [{ name: 'words', datatype: 'BYTES', shape: [data.length, 1], data }],
})

let app: TestApp
const infer = async (model: string, body: unknown): Promise<{ status: number; body: Record<string, unknown> }> => {
  const response = await app.post(`/v2/models/${model}/infer`, body)
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}
const answers = (...data: unknown[]): object => ({ status: 200, body: { outputs: [{ data }] } })

describe('code before and behind a model', () => {
  beforeAll(async () => {
    app = await startTestApp({
      models: {
        'whole/config.pbtxt': config,
        'whole/1/model.ts': doubling,
        'whole/1/pre.ts': lengths,
        'whole/1/post.ts': labels,
        'scaled/config.pbtxt': 'parameters { key: "preprocess" value { string_value: "pre.mjs" } }',
        'scaled/1/model.ts': doubling,
        'scaled/1/pre.mjs': 'export const predict = ({ x }) => ({ x: x.data.map((value) => value + 1) })',
        'frail/config.pbtxt': 'parameters { key: "postprocess" value { string_value: "post.ts" } }',
        'frail/1/model.ts': doubling,
        'frail/1/post.ts': `
          export const postprocess = ({ y }) => {
            if (y.data[0] === 666) process.exit(7)
            if (y.data[0] < 0) throw new Error('below zero')
            return { y: y.data }
          }`,
        'lost/config.pbtxt': 'parameters { key: "preprocess" value { string_value: "absent.ts" } }',
        'lost/1/model.ts': doubling,
        'outside/config.pbtxt': 'parameters { key: "preprocess" value { string_value: "../../whole/1/pre.ts" } }',
        'outside/1/model.ts': doubling,
        'empty/config.pbtxt': 'parameters { key: "postprocess" value { string_value: "post.ts" } }',
        'empty/1/model.ts': doubling,
        'empty/1/post.ts': 'export const other = 1',
      },
      flags: ['--serving.host.backoff-first-ms', '1', '--serving.host.backoff-max-ms', '1'],
    })
  })
  afterAll(() => app.stop())

  it('is what clients see: its inputs, its outputs, its answers', async () => {
    expect(await infer('whole', words('a', 'abcdef'))).toMatchObject(answers('short', 'long'))
    const metadata = (await (await app.fetch('/v2/models/whole')).json()) as object
    expect(metadata).toMatchObject({
      inputs: [{ name: 'words', datatype: 'BYTES', shape: [-1, 1] }],
      outputs: [{ name: 'label', datatype: 'BYTES', shape: [-1, 1] }],
    })
  })

  it('keeps the signature of the model where none is declared', async () => {
    const x = { name: 'x', datatype: 'FP32', shape: [1, 2], data: [1, 2] }
    expect(await infer('scaled', { inputs: [x] })).toMatchObject(answers(4, 6))
  })

  it('gets the rows of requests that arrive together as one batch', async () => {
    const replies = await Promise.all(
      Array.from({ length: 20 }, (_, index) => infer('whole', words('x'.repeat(index), 'xxxxx'))),
    )
    for (const [index, reply] of replies.entries())
      expect(reply).toMatchObject(answers(index > 3 ? 'long' : 'short', 'long'))
    const stats = (await (await app.fetch('/v2/models/whole/stats')).json()) as {
      model_stats: readonly { inference_count: number; execution_count: number }[]
    }
    expect(stats.model_stats[0]?.execution_count).toBeLessThan(stats.model_stats[0]?.inference_count ?? 0)
  })

  it('is named by what fails in it', async () => {
    const x = (value: number): object => ({
      inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], data: [value, 0] }],
    })
    expect(await infer('frail', x(-1))).toMatchObject({
      status: 500,
      body: { error: "model 'frail' failed: postprocess: below zero" },
    })
    expect(await infer('frail', x(333))).toMatchObject({
      status: 502,
      body: {
        error: expect.stringMatching(/its host stopped during the run \(postprocess: exited with code 7/) as string,
      },
    })
    await eventually('the chain is there again', async () => {
      const { status } = await infer('frail', x(1))
      return status === 200 ? true : undefined
    })
  })

  it('that is not there fails the load with its reason', async () => {
    const index = (await (await app.post('/v2/repository/index', {})).json()) as { name: string; reason: string }[]
    const reasonOf = (name: string): string => index.find((row) => row.name === name)?.reason ?? ''
    expect(reasonOf('lost')).toMatch(/has no file 'absent.ts' for preprocess/)
    expect(reasonOf('outside')).toMatch(/has no file '..\/..\/whole\/1\/pre.ts' for preprocess/)
    expect(reasonOf('empty')).toMatch(/postprocess: the module must export a function postprocess/)
  })
})

describeWithPython('code in Python around an ONNX model', () => {
  it('mixes with the engines of the model', async () => {
    const onnx = buildOnnx(mlpModel())
    await using python = await startTestApp({
      models: {
        'plain/1/model.onnx': onnx,
        'around/1/model.onnx': onnx,
        'around/1/pre.py':
          'def preprocess(inputs):\n    return {name: values / 2 for name, values in inputs.items()}\n',
        'around/1/post.ts': `export const postprocess = (outputs) =>
          Object.fromEntries(Object.entries(outputs).map(([name, { data }]) => [name, data.map((value) => value * 10)]))`,
        'around/config.pbtxt': `
          parameters { key: "preprocess" value { string_value: "pre.py" } }
          parameters { key: "postprocess" value { string_value: "post.ts" } }`,
      },
      flags: pythonFlags,
    })
    const { inputs } = (await (await python.fetch('/v2/models/plain')).json()) as {
      inputs: readonly { name: string; datatype: string; shape: number[] }[]
    }
    const width = inputs[0]?.shape[1] ?? 1
    const ask = async (model: string, value: number): Promise<number[]> => {
      const tensor = { ...inputs[0], shape: [1, width], data: Array.from({ length: width }, () => value) }
      const response = await python.post(`/v2/models/${model}/infer`, { inputs: [tensor] })
      expect(response.status).toBe(200)
      return ((await response.json()) as { outputs: { data: number[] }[] }).outputs[0]?.data ?? []
    }
    const expected = (await ask('plain', 1)).map((value) => Math.fround(value * 10))
    expect(await ask('around', 2)).toEqual(expected)
  })
})
