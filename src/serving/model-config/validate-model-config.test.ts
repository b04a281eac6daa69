import { describe, expect, it } from 'vitest'
import { ConfigError } from './config-error.ts'
import { parseModelConfigText } from './parse-model-config.ts'
import { validateModelConfig } from './validate-model-config.ts'

const problems = (text: string, folder = 'm'): readonly string[] => {
  const { config } = parseModelConfigText(text, 'config.pbtxt')
  try {
    validateModelConfig(config, folder)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}

describe('the check of a configuration', () => {
  it('passes one in which nothing is written', () => {
    expect(problems('')).toEqual([])
  })

  it.each(['../secret', 'a/b', 'a\\\\b', '/etc/passwd', '..', '.', 'x\\000y', 'x\\ny'])(
    'refuses the file name %s wherever one stands',
    (file) => {
      const output = `output { name: "y" data_type: TYPE_FP32 dims: [1] label_filename: "${file}" }`
      const warmup = `model_warmup { inputs { key: "x" value { data_type: TYPE_FP32 input_data_file: "${file}" } } }`
      for (const text of [`default_model_filename: "${file}"`, output, warmup])
        expect(problems(text)).toEqual([expect.stringContaining('is not a plain file name')])
    },
  )

  it('takes file names that only look odd', () => {
    for (const file of ['model.onnx', '..model', 'a..b', 'é ü.txt', '...'])
      expect(problems(`default_model_filename: "${file}"`)).toEqual([])
  })

  it('tells every problem at once', () => {
    const text = `
      name: "other"
      max_batch_size: 4
      input [ { name: "x" data_type: TYPE_FP32 dims: [ 0 ] }, { name: "x" data_type: TYPE_FP32 dims: [ 1 ] } ]
      output { data_type: TYPE_FP32 dims: [ -2 ] }
      dynamic_batching { preferred_batch_size: [ 8, 0 ] }
      instance_group { count: 0 }
      version_policy { latest { num_versions: 0 } }`
    expect(problems(text)).toEqual([
      "name 'other' is not the name of its folder, 'm'",
      'preferred_batch_size 8 is above max_batch_size 4',
      'preferred_batch_size 0 is not above 0',
      "input 'x' has dims [0]; each is above 0, or -1 for any size",
      "input 'x' appears twice",
      'an output has no name',
      "output '' has dims [-2]; each is above 0, or -1 for any size",
      'instance_group count 0 is not between 1 and 256',
      'version_policy latest num_versions 0 is below 1',
    ])
  })

  it('refuses a batch size below 0 and instances beyond reason', () => {
    expect(problems('max_batch_size: -1')).toEqual(['max_batch_size -1 is below 0'])
    expect(problems('instance_group { count: 257 }')).toHaveLength(1)
    expect(problems('instance_group { count: 256 }')).toEqual([])
    expect(problems('instance_group [ { count: 200 }, { count: 57 } ]')).toEqual(['257 instances are more than 256'])
  })

  it('refuses priorities that do not fit together', () => {
    const batching = (fields: string): readonly string[] => problems(`dynamic_batching { ${fields} }`)
    expect(batching('priority_levels: 2')).toEqual(['priority_levels needs a default_priority_level'])
    expect(batching('priority_levels: 2 default_priority_level: 3')).toEqual([
      'default_priority_level 3 is above priority_levels 2',
    ])
    const policy = (key: string): string => `priority_queue_policy { key: ${key} value { } }`
    expect(batching(`priority_levels: 2 default_priority_level: 1 ${policy('3')}`)).toEqual([
      'priority_queue_policy names level 3; there are 2',
    ])
    expect(batching('priority_levels: 101 default_priority_level: 1')).toEqual(['priority_levels 101 is above 100'])
    expect(batching(`priority_levels: 2 default_priority_level: 2 ${policy('1')} ${policy('2')}`)).toEqual([])
  })

  it('refuses versions that no folder can have', () => {
    expect(problems('version_policy { specific { versions: [ 1, 0, -3 ] } }')).toEqual([
      'version_policy specific names version 0; the least is 1',
      'version_policy specific names version -3; the least is 1',
    ])
  })

  const reshaped = (dims: string, shape: string, what = 'input'): string =>
    `${what} { name: "x" data_type: TYPE_FP32 dims: [ ${dims} ] reshape { shape: [ ${shape} ] } }`

  it.each([
    ['3, 8', '1, 3, 8'],
    ['24', '2, 3, 4'],
    ['1', ''],
    ['', '1'],
    ['2, 4, -1, 6', '8, -1, 1, 6'],
    ['-1, -1', '-1, 1, -1'],
  ])('takes dims [%s] with the reshape [%s]', (dims, shape) => {
    for (const what of ['input', 'output']) expect(problems(reshaped(dims, shape, what))).toEqual([])
  })

  it.each([
    ['3,8', '3,7'],
    ['3', ''],
    ['-1', '3'],
    ['-1,4', '4,-1'],
    ['-1,-1', '-1'],
    ['9007199254740991,9', '9,9007199254740991'],
  ])('refuses dims [%s] with the reshape [%s], which holds another number of elements', (dims, shape) => {
    for (const what of ['input', 'output']) {
      expect(problems(reshaped(dims, shape, what))).toEqual([
        `${what} 'x' has dims [${dims}] and reshape [${shape}]; both must hold as many elements, also between dimensions of -1`,
      ])
    }
  })

  it('refuses a reshape with sizes that there are not', () => {
    for (const shape of ['0', '-2', '1,0'])
      expect(problems(reshaped('1', shape))).toEqual([
        `input 'x' has reshape [${shape}]; each is above 0, or -1 for any size`,
      ])
  })

  it('refuses warm-up that can not be run', () => {
    const warmup = (fields: string, dims: string): string => `max_batch_size: 4 model_warmup { name: "w" ${fields}
      inputs { key: "x" value { data_type: TYPE_FP32 dims: [ ${dims} ] zero_data: true } } }`
    expect(problems(warmup('batch_size: 5 count: 10001', '3, -1'))).toEqual([
      "model_warmup 'w': count 10001 is above 10000",
      "model_warmup 'w': batch_size 5 is above max_batch_size 4",
      "model_warmup 'w': input 'x' has dims [3,-1]; each is above 0",
    ])
    expect(problems(warmup('batch_size: 4 count: 10000', '3, 1'))).toEqual([])
  })
})
