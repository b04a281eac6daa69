import { describe, expect, it } from 'vitest'
import { ConfigError } from './config-error.ts'
import { configFieldRows, configFields, fieldRow, messageOf } from './config-fields.ts'
import { configSchema } from './config-schema.ts'
import { modelConfigToJson } from './model-config-json.ts'
import { emptyModelConfig } from './model-config.ts'
import { parseModelConfigJson, parseModelConfigText } from './parse-model-config.ts'

const parse = (text: string): ReturnType<typeof parseModelConfigText> => parseModelConfigText(text, 'config.pbtxt')
const problems = (text: string): readonly string[] => {
  try {
    parse(text)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}

const keptFields = `
runtime: "x.so"
cc_model_filenames { key: "8.0" value: "a.plan" }
metric_tags { key: "team" value: "red" }
response_cache { enable: true }
model_transaction_policy { decoupled: false }
model_metrics { metric_control { metric_identifier { family: "f" } histogram_options { buckets: [ 0.5, inf ] } } }
optimization {
  graph { level: 1 }
  priority: PRIORITY_MAX
  cuda { graphs: true graph_spec { batch_size: 4 input { key: "x" value { dim: [ 4 ] } } graph_lower_bound { batch_size: 1 } } }
  execution_accelerators { gpu_execution_accelerator { name: "tensorrt" parameters { key: "precision_mode" value: "FP16" } } }
  input_pinned_memory { enable: false }
  gather_kernel_buffer_threshold: 7
  eager_batching: true
}
input { name: "x" data_type: TYPE_FP32 dims: [ 3, 8, 8 ] format: FORMAT_NCHW }
instance_group {
  count: 2 gpus: [ 0, 1 ] profile: "p" host_policy: "h"
  rate_limiter { resources { name: "r" global: true count: 2 } priority: 2 }
  secondary_devices { kind: KIND_NVDLA device_id: 1 }
}
`

describe('the fields of a configuration', () => {
  it('have a use each, with its reason', () => {
    for (const [message, rows] of Object.entries(configFields)) {
      const kinds = Object.entries(configSchema[message] ?? {})
      expect(Object.keys(rows).filter((field) => !kinds.some(([known]) => known === field))).toEqual([])
      for (const [field, kind] of kinds) {
        const explained = fieldRow(message, field) !== undefined || Object.hasOwn(configFields, messageOf(kind) ?? '')
        expect(explained, `${message}.${field}`).toBe(true)
      }
    }
    expect(configFieldRows().map((row) => row.path)).toEqual(
      expect.arrayContaining(['max_batch_size', 'input.reshape', 'output.reshape', 'instance_group.gpus']),
    )
  })

  it('without an effect are told as warnings with their reason, and shown as they were written', () => {
    const { config, warnings } = parse(keptFields)
    const named = warnings.map((warning) => /^line \d+: '(\w+)' has no effect here: ./.exec(warning)?.[1])
    expect(new Set(named)).toEqual(
      new Set(
        configFieldRows()
          .filter((row) => row.use === 'kept')
          .map((row) => row.path.replace(/^.*\./, ''))
          .filter(
            (name) =>
              !/^(model_operations|model_repository_agents|model_transaction_policy|output_pinned_memory)$/.test(name),
          ),
      ),
    )
    expect(modelConfigToJson(config)).toMatchObject({
      runtime: 'x.so',
      cc_model_filenames: { '8.0': 'a.plan' },
      metric_tags: { team: 'red' },
      response_cache: { enable: true },
      model_transaction_policy: { decoupled: false },
      model_metrics: {
        metric_control: [{ metric_identifier: { family: 'f' }, histogram_options: { buckets: [0.5, 'Infinity'] } }],
      },
      optimization: {
        graph: { level: 1 },
        priority: 'PRIORITY_MAX',
        cuda: {
          graphs: true,
          busy_wait_events: false,
          graph_spec: [
            { batch_size: 4, input: { x: { dim: ['4'] } }, graph_lower_bound: { batch_size: 1, input: {} } },
          ],
        },
        execution_accelerators: {
          gpu_execution_accelerator: [{ name: 'tensorrt', parameters: { precision_mode: 'FP16' } }],
          cpu_execution_accelerator: [],
        },
        input_pinned_memory: { enable: false },
        output_pinned_memory: { enable: true },
        gather_kernel_buffer_threshold: 7,
        eager_batching: true,
      },
      input: [{ format: 'FORMAT_NCHW' }],
      instance_group: [
        {
          gpus: [0, 1],
          profile: ['p'],
          host_policy: 'h',
          rate_limiter: { resources: [{ name: 'r', global: true, count: 2 }], priority: 2 },
          secondary_devices: [{ kind: 'KIND_NVDLA', device_id: '1' }],
        },
      ],
    })
  })

  it('at their defaults are nothing to warn of, also when they come back from the config endpoint', () => {
    const text = `
      response_cache { enable: false } model_transaction_policy { decoupled: false } model_operations { }
      input { name: "x" data_type: TYPE_FP32 dims: [ 1 ] format: FORMAT_NONE is_shape_tensor: false allow_ragged_batch: false }
      instance_group { passive: false host_policy: "" gpus: [ ] }`
    expect(parse(text).warnings).toEqual([])
    const json = modelConfigToJson(parse(text).config)
    expect(parseModelConfigJson(JSON.stringify(json)).warnings).toEqual([])
  })

  it.each([
    ['sequence_batching { max_sequence_idle_microseconds: 5 }', 'sequence_batching'],
    ['ensemble_scheduling { step [ ] }', 'ensemble_scheduling'],
    ['model_transaction_policy { decoupled: true }', 'decoupled'],
    ['model_operations { op_library_filename: "ops.so" }', 'op_library_filename'],
    ['model_repository_agents { agents { name: "checksum" } }', 'agents'],
    ['batch_input { kind: BATCH_ITEM_SHAPE target_name: "a" data_type: TYPE_FP32 source_input: "b" }', 'batch_input'],
    ['batch_output { kind: BATCH_SCATTER_WITH_INPUT_SHAPE target_name: "a" source_input: "b" }', 'batch_output'],
    ['input { name: "x" data_type: TYPE_FP32 allow_ragged_batch: true }', 'allow_ragged_batch'],
    ['input { name: "x" data_type: TYPE_INT32 is_shape_tensor: true }', 'is_shape_tensor'],
    ['output { name: "x" data_type: TYPE_INT32 is_shape_tensor: true }', 'is_shape_tensor'],
    ['input { name: "x" data_type: TYPE_FP32 is_non_linear_format_io: true }', 'is_non_linear_format_io'],
    ['output { name: "x" data_type: TYPE_FP32 is_non_linear_format_io: true }', 'is_non_linear_format_io'],
    ['instance_group { passive: true }', 'passive'],
  ])('are refused in %s, which changes what answers mean', (text, field) => {
    expect(problems(`\n${text}`)).toEqual([
      expect.stringMatching(new RegExp(`^config.pbtxt: line 2: '${field}' is not supported: .`)),
    ])
    expect(problems(`${text}\nnam: 1`)).toHaveLength(2)
  })

  it('are checked also where they have no effect', () => {
    expect(problems('optimization { cuda { graph: true } }')).toEqual([
      "config.pbtxt: line 1: unknown field 'graph'; did you mean 'graphs'?",
    ])
    expect(problems('instance_group { rate_limiter { priority: -1 } }')).toHaveLength(1)
  })

  it('that are not written are in no part of a configuration', () => {
    expect(parse('').config).toEqual(emptyModelConfig(''))
    expect(modelConfigToJson(emptyModelConfig('m'))).not.toHaveProperty('response_cache')
  })
})
