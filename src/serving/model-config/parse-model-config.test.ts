import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ConfigError } from './config-error.ts'
import { modelConfigToJson } from './model-config-json.ts'
import type { ModelConfig } from './model-config.ts'
import { emptyModelConfig } from './model-config.ts'
import type { ParsedConfig } from './parse-model-config.ts'
import { parseModelConfigJson, parseModelConfigText } from './parse-model-config.ts'

const parse = (text: string): ModelConfig => parseModelConfigText(text, 'config.pbtxt').config
const problems = (read: () => ParsedConfig): readonly string[] => {
  try {
    read()
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}
const textProblems = (text: string): readonly string[] => problems(() => parseModelConfigText(text, 'config.pbtxt'))
const jsonProblems = (json: unknown): readonly string[] => problems(() => parseModelConfigJson(JSON.stringify(json)))

const simple = `
name: "simple"
platform: "onnxruntime_onnx"
max_batch_size: 8
input [ { name: "x" data_type: TYPE_FP32 dims: [ -1, 16 ] }, { name: "s" data_type: TYPE_STRING dims: 1 optional: true } ]
output { name: "y" data_type: TYPE_INT64 dims: [ 0x10, 010 ] label_filename: "labels.txt" }
`

const everything = `
name: "all"
backend: "onnxruntime"
default_model_filename: "m.onnx"
max_batch_size: 32
version_policy: { specific: { versions: [ 1, 3 ] } }
input { name: "x" data_type: TYPE_BF16 dims: [ 4 ] }
output { name: "y" data_type: TYPE_BOOL dims: [ -1 ] }
dynamic_batching {
  preferred_batch_size: [ 4, 8 ]
  max_queue_delay_microseconds: 250
  preserve_ordering: true
  priority_levels: 2
  default_priority_level: 1
  default_queue_policy { max_queue_size: 16 }
  priority_queue_policy {
    key: 1
    value { timeout_action: DELAY default_timeout_microseconds: 9000 allow_timeout_override: true max_queue_size: 4 }
  }
  priority_queue_policy { key: 2 value { } }
}
instance_group [ { name: "cpu" kind: KIND_CPU count: 2 }, { kind: KIND_GPU gpus: [ 0, 1 ] } ]
model_warmup [
  {
    name: "one" batch_size: 2 count: 3
    inputs { key: "x" value { data_type: TYPE_BF16 dims: [ 4 ] zero_data: true } }
    inputs { key: "r" value { data_type: TYPE_FP32 dims: [ 4 ] random_data: true } }
    inputs { key: "f" value { data_type: TYPE_UINT8 dims: [ 4 ] input_data_file: "raw" } }
  }
]
parameters { key: "a" value { string_value: "b" } }
parameters: [ { key: "__proto__" value { string_value: "data" } } ]
metric_tags { key: "team" value: "red" }
optimization { graph { level: -1 } }
`

/** An image classifier as exported without a batch dimension, with labels and memory settings of a GPU machine. */
const densenet = `
# Classifies pictures.
name: "classifier_onnx"
platform: "onnxruntime_onnx"
max_batch_size : 0
input [
  {
    name: "data_0"          # planes, rows, columns
    data_type: TYPE_FP32
    format: FORMAT_NCHW
    dims: [ 1, 3, 224, 224 ]
    reshape { shape: [ 1, 3, 224, 224 ] }
  }
]
output [
  { name: "fc6_1", data_type: TYPE_FP32; dims: [ 1, 1000, 1, 1 ], label_filename: 'labels' '.txt' }
]
instance_group [ { count: 1 kind: KIND_CPU } ]
parameters { key: "intra_op_thread_count" value: { string_value: "2" } }
parameters < key: "execution_mode" value < string_value: "0" > >
optimization { graph : { level : 1 } input_pinned_memory { enable: false } }
`

/** A text model with queues by priority. */
const reranker = `
backend: "onnxruntime"
max_batch_size: 64
input { name: "ids" data_type: TYPE_INT64 dims: -1 allow_ragged_batch: false }
input { name: "mask" data_type: 9 dims: -1 optional: true }
output { name: "score" data_type: TYPE_FP16 dims: 1 }
version_policy: { latest { num_versions: 2 } }
dynamic_batching {
  max_queue_delay_microseconds: 0x3e8
  priority_levels: 10
  default_priority_level: 5
  default_queue_policy { timeout_action: REJECT, default_timeout_microseconds: 100000, max_queue_size: 128 }
  priority_queue_policy [ { key: 1, value: { allow_timeout_override: true } }, { key: 10, value: { timeout_action: DELAY } } ]
}
model_warmup { name: "long" batch_size: 64 inputs { key: "ids" value: { data_type: TYPE_INT64 dims: 512 random_data: true } } }
response_cache { enable: false }
`

describe('config.pbtxt', () => {
  it('of a simple model gives its tensors, types and batch size', () => {
    const config = parse(simple)
    expect(config).toMatchObject({ name: 'simple', platform: 'onnxruntime_onnx', maxBatchSize: 8 })
    expect(config.inputs).toEqual([
      { name: 'x', dataType: 'FP32', dims: [-1, 16], optional: false, labelFilename: '', kept: {} },
      { name: 's', dataType: 'BYTES', dims: [1], optional: true, labelFilename: '', kept: {} },
    ])
    expect(config.outputs).toEqual([
      { name: 'y', dataType: 'INT64', dims: [16, 8], optional: false, labelFilename: 'labels.txt', kept: {} },
    ])
    expect(config.written.has('max_batch_size')).toBe(true)
  })

  it('of a classifier gives dims, labels and settings of the engine', () => {
    const config = parse(densenet)
    expect(config.inputs[0]).toMatchObject({ dims: [1, 3, 224, 224], reshape: [1, 3, 224, 224] })
    expect(config.outputs[0]).toMatchObject({ name: 'fc6_1', labelFilename: 'labels.txt', reshape: undefined })
    expect(config).toMatchObject({
      maxBatchSize: 0,
      instanceGroups: [{ kind: 'KIND_CPU', count: 1 }],
      parameters: { intra_op_thread_count: '2', execution_mode: '0' },
      optimization: { graphLevel: 1 },
    })
  })

  it('that is empty writes nothing', () => {
    expect(parse('')).toEqual(emptyModelConfig(''))
  })

  it('gives queues by priority', () => {
    expect(parse(everything).dynamicBatching).toEqual({
      preferredBatchSize: [4, 8],
      maxQueueDelayMicroseconds: 250,
      preserveOrdering: true,
      priorityLevels: 2,
      defaultPriorityLevel: 1,
      defaultQueuePolicy: {
        timeoutAction: 'reject',
        defaultTimeoutMicroseconds: 0,
        allowTimeoutOverride: false,
        maxQueueSize: 16,
      },
      priorityQueuePolicy: new Map([
        [1, { timeoutAction: 'delay', defaultTimeoutMicroseconds: 9000, allowTimeoutOverride: true, maxQueueSize: 4 }],
        [2, { timeoutAction: 'reject', defaultTimeoutMicroseconds: 0, allowTimeoutOverride: false, maxQueueSize: 0 }],
      ]),
    })
  })

  it('keeps the default of what a policy leaves out', () => {
    const batching = parse(reranker).dynamicBatching
    expect(batching).toMatchObject({ maxQueueDelayMicroseconds: 1000, priorityLevels: 10, defaultPriorityLevel: 5 })
    expect([...(batching?.priorityQueuePolicy.entries() ?? [])]).toEqual([
      [1, { timeoutAction: 'reject', defaultTimeoutMicroseconds: 0, allowTimeoutOverride: true, maxQueueSize: 0 }],
      [10, { timeoutAction: 'delay', defaultTimeoutMicroseconds: 0, allowTimeoutOverride: false, maxQueueSize: 0 }],
    ])
  })

  it('gives warm-up samples with zeros, random values or a file', () => {
    const [sample] = parse(everything).modelWarmup
    expect(sample).toMatchObject({ name: 'one', batchSize: 2, count: 3 })
    expect(Object.entries(sample?.inputs ?? {}).map(([name, input]) => [name, input.source])).toEqual([
      ['x', { kind: 'zero' }],
      ['r', { kind: 'random' }],
      ['f', { kind: 'file', file: 'raw' }],
    ])
  })

  it('gives instances, parameters, tags and versions', () => {
    const config = parse(everything)
    expect(config.instanceGroups).toEqual([
      { name: 'cpu', kind: 'KIND_CPU', count: 2, kept: {} },
      { name: '', kind: 'KIND_GPU', count: 1, kept: { gpus: [0, 1] } },
    ])
    expect(Object.entries(config.parameters)).toEqual([
      ['a', 'b'],
      ['__proto__', 'data'],
    ])
    expect(config).toMatchObject({
      kept: { metric_tags: new Map([['team', 'red']]) },
      optimization: { graphLevel: -1 },
    })
    expect(config.versionPolicy).toEqual({ kind: 'specific', versions: [1, 3] })
    expect(parse('version_policy { all { } }').versionPolicy).toEqual({ kind: 'all' })
    expect(parse('version_policy { latest { num_versions: 2 } }').versionPolicy).toEqual({
      kind: 'latest',
      numVersions: 2,
    })
  })

  it('with a misspelled field says its line and what was meant', () => {
    expect(textProblems('name: "x"\nmax_batchsize: 8\n')).toEqual([
      "config.pbtxt: line 2: unknown field 'max_batchsize'; did you mean 'max_batch_size'?",
    ])
    expect(textProblems('constructor: 1\n__proto__ { }')).toEqual([
      "config.pbtxt: line 1: unknown field 'constructor'",
      "config.pbtxt: line 2: unknown field '__proto__'",
    ])
  })

  it('has all its problems told at once', () => {
    expect(
      textProblems('nam: "x"\nmax_batch_size: "8"\ninput { nme: "x" }\ndynamic_batching: 5\nparameters: 1'),
    ).toEqual([
      "config.pbtxt: line 1: unknown field 'nam'; did you mean 'name'?",
      "config.pbtxt: line 2: 'max_batch_size' must be an integer from -2147483648 to 2147483647",
      "config.pbtxt: line 3: unknown field 'nme'; did you mean 'name'?",
      "config.pbtxt: line 3: 'input' has no data_type",
      "config.pbtxt: line 4: 'dynamic_batching' must be a message",
      "config.pbtxt: line 5: 'parameters' must have keys and values",
    ])
  })

  it.each(['1.5', '1e3', 'x', '99999999999999999999', '08', '-', '0x', 'Infinity'])(
    'refuses %s as a whole number',
    (text) => {
      expect(textProblems(`max_batch_size: ${text}`)).toHaveLength(1)
    },
  )

  it('takes whole numbers in decimal, octal and hexadecimal', () => {
    expect(
      parse('input { name: "x" data_type: TYPE_FP32 dims: [ 0, -1, 017, -017, 0x1f, -0X1F ] }').inputs[0]?.dims,
    ).toEqual([0, -1, 15, -15, 31, -31])
  })

  it('takes true and false as written, and no other word', () => {
    const optional = (word: string): string => `input { name: "x" data_type: TYPE_FP32 optional: ${word} }`
    for (const word of ['true', 'True', 't', '1']) expect(parse(optional(word)).inputs[0]?.optional).toBe(true)
    for (const word of ['false', 'False', 'f', '0']) expect(parse(optional(word)).inputs[0]?.optional).toBe(false)
    for (const word of ['yes', '2', 'constructor', 'toString']) expect(textProblems(optional(word))).toHaveLength(1)
  })

  it('refuses types and kinds that there are not', () => {
    expect(textProblems('input { name: "x" data_type: TYPE_FLOAT }')).toEqual([
      expect.stringMatching(/^config.pbtxt: line 1: 'data_type' must be one of TYPE_INVALID, .*'TYPE_FLOAT' is none$/),
    ])
    expect(textProblems('instance_group { kind: KIND_TPU }')).toEqual([
      "config.pbtxt: line 1: 'kind' must be one of KIND_AUTO, KIND_GPU, KIND_CPU, KIND_MODEL; did you mean 'KIND_GPU'?",
    ])
    const policy = (action: string): string => `dynamic_batching { default_queue_policy { timeout_action: ${action} } }`
    expect(textProblems(policy('DELY'))[0]).toContain("did you mean 'DELAY'?")
    expect(textProblems(policy('2'))[0]).toContain("must be one of REJECT, DELAY; '2' is none")
    expect(parse(policy('1')).dynamicBatching?.defaultQueuePolicy?.timeoutAction).toBe('delay')
  })

  it('wants the data type of every tensor', () => {
    expect(textProblems('input { name: "x" }\noutput { data_type: TYPE_INVALID }')).toEqual([
      "config.pbtxt: line 1: 'input' has no data_type",
      "config.pbtxt: line 2: 'output' has no data_type",
    ])
    expect(textProblems('model_warmup { inputs { key: "x" value { zero_data: true } } }')).toEqual([
      "config.pbtxt: line 1: 'inputs' has no data_type",
    ])
  })

  it('refuses a field that is written twice, and two fields of which one can be', () => {
    expect(textProblems('name: "a"\nname: "b"')).toEqual(["config.pbtxt: line 2: 'name' is written twice"])
    expect(textProblems('version_policy {\n all { } latest { num_versions: 2 } }')).toEqual([
      "config.pbtxt: line 1: 'version_policy' has latest and all; only one of them can be",
    ])
    expect(jsonProblems({ max_batch_size: 1, maxBatchSize: 2 })).toEqual([
      "field 'maxBatchSize': 'max_batch_size' is written twice",
    ])
  })

  it.each([
    ['max_batch_size: 2147483648', 'max_batch_size', 2 ** 31 - 1],
    ['dynamic_batching { max_queue_delay_microseconds: -1 }', 'max_queue_delay_microseconds', 2 ** 53 - 1],
    ['version_policy { latest { num_versions: 4294967296 } }', 'num_versions', 2 ** 32 - 1],
    ['dynamic_batching { priority_queue_policy { key: x value { } } }', 'priority_queue_policy.key', 2 ** 53 - 1],
  ])('refuses %s, out of its range', (text, name, greatest) => {
    expect(textProblems(text)).toEqual([
      expect.stringMatching(new RegExp(`'${name}' must be an integer from -?\\d+ to ${greatest}$`)),
    ])
  })

  it('takes floating-point numbers in every form', () => {
    const buckets = (numbers: string): string =>
      `model_metrics { metric_control { histogram_options { buckets: [ ${numbers} ] } } }`
    expect(textProblems(buckets('1, 1.5f, .5, 2.e-3, -1E+9F, inf, -Infinity, nan'))).toEqual([])
    for (const number of ['1.5g', 'e5', '.', '0x1p3', 'infinite', '"1"']) {
      expect(textProblems(buckets(number))).toEqual(["config.pbtxt: line 1: 'buckets' must be a double"])
    }
    const json = (bucket: unknown): unknown => ({
      model_metrics: { metric_control: [{ histogram_options: { buckets: [bucket] } }] },
    })
    for (const bucket of [1.5, '1.5', 'NaN', '-Infinity']) expect(jsonProblems(json(bucket))).toEqual([])
    for (const bucket of ['inf', true, '']) expect(jsonProblems(json(bucket))).toHaveLength(1)
  })

  it('of the longest text is refused with a short list', () => {
    expect(textProblems('x: 1 '.repeat(200_000))).toHaveLength(100)
    expect(jsonProblems({ input: Array.from({ length: 1000 }, () => 1) })).toHaveLength(100)
    expect(problems(() => parseModelConfigJson(' '.repeat(1024 * 1024 + 1)))[0]).toContain('the limit is 1048576')
    expect(
      parse(`input { name: "x" data_type: TYPE_FP32 ${'dims: 1 '.repeat(100_000)} }`).inputs[0]?.dims,
    ).toHaveLength(100_000)
  })
})

describe('the configuration as JSON', () => {
  it.each([simple, everything, densenet, reranker])('means the same as the text it came from', (text) => {
    const { written: _, ...config } = parse(text)
    const { written: __, ...back } = parseModelConfigJson(JSON.stringify(modelConfigToJson(parse(text)))).config
    expect(back).toEqual(config)
  })

  it('keeps every shape and batching number', () => {
    const whole = fc.integer({ min: 0, max: 2 ** 31 - 1 })
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -1, max: 2 ** 53 - 1 }), { maxLength: 4 }),
        whole,
        whole,
        (dims, size, delay) => {
          const text = `max_batch_size: ${size} input { name: "x" data_type: TYPE_FP16 dims: [${dims.join(', ')}] }
          dynamic_batching { max_queue_delay_microseconds: ${delay} }`
          const config = parse(text)
          expect(config).toMatchObject({ maxBatchSize: size, inputs: [{ dims }] })
          const back = parseModelConfigJson(JSON.stringify(modelConfigToJson(config))).config
          expect({ ...back, written: config.written }).toEqual(config)
        },
      ),
    )
  })

  it('may use camelCase, numbers for enums, and strings for 64-bit numbers', () => {
    const json = { maxBatchSize: 4, input: [{ name: 'x', dataType: 11, dims: ['-1', 3] }], platform: null }
    const { config } = parseModelConfigJson(JSON.stringify(json))
    expect(config).toMatchObject({ maxBatchSize: 4, inputs: [{ name: 'x', dataType: 'FP32', dims: [-1, 3] }] })
  })

  it('is refused when it is not an object, or its fields are of another kind', () => {
    for (const text of ['', '[]', '1', 'null', '{']) expect(problems(() => parseModelConfigJson(text))).toHaveLength(1)
    expect(jsonProblems({ input: 5, dynamic_batching: true, max_batch_size: '', parameters: [], nme: 'x' })).toEqual([
      "'input' must be a message",
      "'dynamic_batching' must be a message",
      "'max_batch_size' must be an integer from -2147483648 to 2147483647",
      "'parameters' must have keys and values",
      "unknown field 'nme'; did you mean 'name'?",
    ])
  })
})
