import { describe, expect, it } from 'vitest'
import type { TensorSpec } from '../../tensor/index.ts'
import type { Completed, Completion } from './auto-complete.ts'
import { autoComplete } from './auto-complete.ts'
import { ConfigError } from './config-error.ts'
import { adaptiveBatching } from './model-config.ts'
import { parseModelConfigText } from './parse-model-config.ts'

const x: TensorSpec = { name: 'x', datatype: 'FP32', shape: [-1, 4] }
const mask: TensorSpec = { name: 'mask', datatype: 'BOOL', shape: [-1], optional: true }
const y: TensorSpec = { name: 'y', datatype: 'INT64', shape: [-1, 2] }
const batchedModel = { engine: 'onnx', inputs: [x, mask], outputs: [y] }
const fixedModel = { engine: 'onnx', inputs: [{ ...x, shape: [2, 4] }], outputs: [y] }

const complete = (text: string | undefined, model: Completion['model'] = batchedModel): Completed =>
  autoComplete({
    name: 'm',
    config: text === undefined ? undefined : parseModelConfigText(text, 'config.pbtxt').config,
    model,
    defaults: { rowsMax: 64, instances: 2 },
  })
const problems = (text: string, model?: Completion['model']): readonly string[] => {
  try {
    complete(text, model)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}

describe('auto-completion', () => {
  it('makes a whole configuration of a model without one', () => {
    const { config, refuseAboveMaxBatch } = complete(undefined)
    expect(config).toMatchObject({ name: 'm', backend: 'onnxruntime', maxBatchSize: 64 })
    expect(config.inputs.map((input) => [input.name, input.dataType, input.dims, input.optional])).toEqual([
      ['x', 'FP32', [4], false],
      ['mask', 'BOOL', [], true],
    ])
    expect(config.outputs.map((output) => [output.name, output.dims])).toEqual([['y', [2]]])
    expect(config.dynamicBatching).toEqual(adaptiveBatching)
    expect(config.instanceGroups).toEqual([{ name: 'm_0', kind: 'KIND_AUTO', count: 2, kept: {} }])
    expect(refuseAboveMaxBatch).toBe(false)
  })

  it('does not batch a model with a fixed first dimension, one that says no, or one without tensors', () => {
    for (const model of [fixedModel, { ...batchedModel, batched: false }, { engine: 'js', inputs: [], outputs: [] }]) {
      const { config } = complete(undefined, model)
      expect(config).toMatchObject({ maxBatchSize: 0, dynamicBatching: undefined })
    }
    expect(complete(undefined, fixedModel).config.inputs[0]?.dims).toEqual([2, 4])
  })

  it('keeps what was written and adds the rest', () => {
    const { config } = complete(
      'input [ { name: "x" data_type: TYPE_FP32 dims: [ -1 ] } ] instance_group { count: 5 } backend: "mine"',
    )
    expect(config).toMatchObject({ backend: 'mine', maxBatchSize: 64 })
    expect(config.inputs.map((input) => [input.name, input.dims])).toEqual([['x', [-1]]])
    expect(config.outputs.map((output) => output.name)).toEqual(['y'])
    expect(config.instanceGroups[0]?.count).toBe(5)
  })

  it('names engine and file as they are, and as they were written', () => {
    const told = { platform: 'onnxruntime_onnx', backend: 'onnxruntime' }
    expect(complete(undefined, { ...batchedModel, file: 'model.onnx' }).config).toMatchObject({
      ...told,
      defaultModelFilename: 'model.onnx',
    })
    expect(complete('platform: "onnxruntime_onnx" default_model_filename: "m.onnx"').config).toMatchObject({
      ...told,
      defaultModelFilename: 'm.onnx',
    })
    expect(complete('', { ...batchedModel, engine: 'js' }).config).toMatchObject({
      platform: '',
      backend: 'js',
      defaultModelFilename: '',
    })
  })

  it('holds requests to a batch size only when it was written', () => {
    expect(complete('').refuseAboveMaxBatch).toBe(false)
    const written = complete('max_batch_size: 8')
    expect(written).toMatchObject({ refuseAboveMaxBatch: true, config: { maxBatchSize: 8 } })
    expect(written.config.dynamicBatching).toBeUndefined()
    const none = complete('max_batch_size: 0')
    expect(none).toMatchObject({ refuseAboveMaxBatch: true, config: { maxBatchSize: 0 } })
    expect(none.config.inputs[0]?.dims).toEqual([-1, 4])
  })

  it('keeps dynamic batching as written', () => {
    const batching = complete('dynamic_batching { max_queue_delay_microseconds: 5 }').config.dynamicBatching
    expect(batching?.maxQueueDelayMicroseconds).toBe(5)
  })

  it('tells every mismatch with the model at once', () => {
    const text = `
      input [ { name: "x" data_type: TYPE_FP64 dims: [ 5 ] }, { name: "z" data_type: TYPE_FP32 dims: [ 1 ] } ]
      output { name: "w" data_type: TYPE_INT64 dims: [ 2 ] }`
    expect(problems(text)).toEqual([
      "input 'x': the configuration says FP64, the model FP32",
      "input 'x': the configuration means the shape [-1,5], the model has [-1,4]",
      "unexpected input 'z'; the model has x, mask",
      "unexpected output 'w'; the model has y",
    ])
  })

  it('misses inputs that are not configured, unless they are optional', () => {
    expect(problems('input { name: "mask" data_type: TYPE_BOOL dims: [ ] }')).toEqual([
      "input 'x' of the model is not configured",
    ])
    expect(problems('input { name: "x" data_type: TYPE_FP32 dims: [ 4 ] }')).toEqual([])
  })

  it('takes batching for a model whose first dimension is fixed as a mismatch', () => {
    expect(problems('input { name: "x" data_type: TYPE_FP32 dims: [ 2, 4 ] }', fixedModel)).toEqual([])
    expect(problems('max_batch_size: 8 input { name: "x" data_type: TYPE_FP32 dims: [ 2, 4 ] }', fixedModel)).toEqual([
      "input 'x': the configuration means the shape [-1,2,4], the model has [2,4]",
    ])
  })
})
