import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { datatypes } from '../../tensor/index.ts'
import { modelConfigToJson } from './model-config-json.ts'
import { emptyModelConfig } from './model-config.ts'
import { parseModelConfigJson, parseModelConfigText } from './parse-model-config.ts'

const octal = (text: string): string =>
  `"${[...Buffer.from(text)].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('')}"`

/** Text of a list of fields, each of which may be left out. */
const fields = (parts: Readonly<Record<string, fc.Arbitrary<string>>>): fc.Arbitrary<string> =>
  fc
    .tuple(...Object.entries(parts).map(([name, part]) => fc.option(part.map((text) => `${name} ${text}`))))
    .map((written) => written.filter((text) => text !== null).join('\n'))

const message = (parts: Readonly<Record<string, fc.Arbitrary<string>>>): fc.Arbitrary<string> =>
  fields(parts).map((text) => `{ ${text} }`)
const list = (element: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.array(element, { maxLength: 3 }).map((elements) => `: [ ${elements.join(', ')} ]`)
const map = (key: fc.Arbitrary<string>, value: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  list(fc.tuple(key, value).map((entry) => `{ key: ${entry[0]} value: ${entry[1]} }`))

const string = fc.string({ unit: 'grapheme', maxLength: 6 }).map(octal)
const key = fc.oneof(string, fc.constantFrom('"__proto__"', '"constructor"', '""'))
const word = (...words: readonly string[]): fc.Arbitrary<string> => fc.constantFrom(...words.map((text) => `: ${text}`))
const bool = word('true', 'false')
const integer = (min: number, max: number): fc.Arbitrary<string> => fc.integer({ min, max }).map(String)
const field = (value: fc.Arbitrary<string>): fc.Arbitrary<string> => value.map((text) => `: ${text}`)
const uint32 = field(integer(0, 2 ** 32 - 1))
const uint64 = field(integer(0, Number.MAX_SAFE_INTEGER))
const dims = list(integer(-1, Number.MAX_SAFE_INTEGER))
const types = datatypes.map((type) => `TYPE_${type === 'BYTES' ? 'STRING' : type}`)
const typed = (parts: Readonly<Record<string, fc.Arbitrary<string>>>): fc.Arbitrary<string> =>
  fc
    .tuple(fc.constantFrom(...types), fields({ ...parts, dims }))
    .map(([type, rest]) => `{ data_type: ${type} ${rest} }`)
const policy = message({
  timeout_action: word('REJECT', 'DELAY', '1'),
  default_timeout_microseconds: uint64,
  allow_timeout_override: bool,
  max_queue_size: uint32,
})

const configText = fields({
  name: field(string),
  platform: field(string),
  backend: field(string),
  version_policy: fc.oneof(
    fc.constant('{ all { } }'),
    uint32.map((count) => `{ latest { num_versions${count} } }`),
    list(integer(1, 99)).map((versions) => `{ specific { versions${versions} } }`),
  ),
  max_batch_size: field(integer(-1, 2 ** 31 - 1)),
  input: list(
    typed({
      name: field(string),
      optional: bool,
      format: word('FORMAT_NONE', 'FORMAT_NCHW'),
      reshape: dims.map((shape) => `{ shape${shape} }`),
    }),
  ),
  output: list(typed({ name: field(string), label_filename: field(string) })),
  dynamic_batching: message({
    preferred_batch_size: list(integer(1, 64)),
    max_queue_delay_microseconds: uint64,
    preserve_ordering: bool,
    priority_levels: uint64,
    default_priority_level: uint64,
    default_queue_policy: policy,
    priority_queue_policy: map(integer(1, 9), policy),
  }),
  instance_group: list(
    message({
      name: field(string),
      kind: word('KIND_AUTO', 'KIND_GPU', 'KIND_CPU', 'KIND_MODEL', '2'),
      count: field(integer(0, 300)),
      gpus: list(integer(0, 7)),
      host_policy: field(string),
      rate_limiter: message({
        priority: uint32,
        resources: list(message({ name: field(string), global: bool, count: uint32 })),
      }),
      secondary_devices: list(message({ device_id: uint64 })),
    }),
  ),
  default_model_filename: field(string),
  runtime: field(string),
  metric_tags: map(key, string),
  cc_model_filenames: map(key, string),
  model_transaction_policy: message({ decoupled: word('false') }),
  response_cache: message({ enable: bool }),
  model_metrics: message({
    metric_control: list(
      message({ histogram_options: message({ buckets: list(fc.constantFrom('0', '0.5', 'inf', '-inf', 'nan')) }) }),
    ),
  }),
  parameters: map(key, message({ string_value: field(string) })),
  optimization: message({
    graph: message({ level: field(integer(-1, 2)) }),
    priority: word('PRIORITY_MIN', 'PRIORITY_DEFAULT'),
    eager_batching: bool,
    input_pinned_memory: message({ enable: bool }),
    cuda: message({
      graphs: bool,
      graph_spec: list(message({ batch_size: field(integer(0, 9)), input: map(key, message({ dim: dims })) })),
    }),
  }),
  model_warmup: list(
    message({
      name: field(string),
      batch_size: uint32,
      count: uint32,
      inputs: map(
        key,
        fc.oneof(
          typed({ zero_data: word('true') }),
          typed({ random_data: word('true') }),
          typed({ input_data_file: field(string) }),
        ),
      ),
    }),
  ),
})

describe('the JSON of a configuration', () => {
  it('has every field of Triton under its name, also those that were not written', () => {
    const json = modelConfigToJson(emptyModelConfig('m'))
    expect(json).toMatchObject({
      name: 'm',
      version_policy: { latest: { num_versions: 1 } },
      max_batch_size: 0,
      input: [],
      output: [],
      batch_input: [],
      batch_output: [],
      optimization: { priority: 'PRIORITY_DEFAULT', input_pinned_memory: { enable: true } },
      instance_group: [],
      cc_model_filenames: {},
      metric_tags: {},
      parameters: {},
      model_warmup: [],
    })
    expect(Object.keys(json)).not.toContain('dynamic_batching')
  })

  it('has enums as names and 64-bit numbers as strings, and no others', () => {
    const { config } = parseModelConfigText(
      `max_batch_size: 8
       input { name: "x" data_type: TYPE_STRING dims: [ -1, 2 ] reshape { shape: [ 2 ] } }
       dynamic_batching { preferred_batch_size: 4 max_queue_delay_microseconds: 5 default_queue_policy { max_queue_size: 6 } }
       parameters { key: "k" value { string_value: "v" } }`,
      'config.pbtxt',
    )
    expect(modelConfigToJson(config)).toMatchObject({
      max_batch_size: 8,
      input: [{ name: 'x', data_type: 'TYPE_STRING', dims: ['-1', '2'], reshape: { shape: ['2'] } }],
      dynamic_batching: {
        preferred_batch_size: [4],
        max_queue_delay_microseconds: '5',
        default_queue_policy: { timeout_action: 'REJECT', default_timeout_microseconds: '0', max_queue_size: 6 },
      },
      parameters: { k: { string_value: 'v' } },
    })
  })

  it('read again means what the text meant', () => {
    fc.assert(
      fc.property(configText, (text) => {
        const { config } = parseModelConfigText(text, 'config.pbtxt')
        const back = parseModelConfigJson(JSON.stringify(modelConfigToJson(config))).config
        expect({ ...back, written: config.written }).toEqual(config)
      }),
    )
  })
})
