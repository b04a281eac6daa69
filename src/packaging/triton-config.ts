import type { TensorSpec } from '../tensor/index.ts'
import type { ModelSpec } from './model-spec.ts'

/** A text as the text form of protobuf quotes it. */
const quoted = (text: string): string =>
  `"${text.replace(/["\\]/g, '\\$&').replace(
    // oxlint-disable-next-line no-control-regex -- these are the characters to escape
    /[\u0000-\u001f\u007f]/g,
    (character) => `\\${character.charCodeAt(0).toString(8).padStart(3, '0')}`,
  )}"`

const typeName = (datatype: TensorSpec['datatype']): string =>
  datatype === 'BYTES' ? 'TYPE_STRING' : `TYPE_${datatype}`

/** The file of a warm-up input, in the folder `warmup` of the model. */
export const warmupFile = (sample: number, input: number): string => `sample-${sample}-${input}.bin`

export interface ConfigSteps {
  readonly preprocess?: string
  readonly postprocess?: string
}

/** The configuration of a packaged model in Triton's text form; empty when there is nothing to say. */
export const tritonConfig = (spec: ModelSpec, steps: ConfigSteps): string => {
  const { signature = {}, resources, metadata, warmup, batching } = spec
  const hasRows = isBatched(spec)
  const lines = [
    ...(batching === undefined ? [] : [batchingText(batching.rows)]),
    ...(signature.inputs ?? []).map((tensor) => tensorText('input', tensor, hasRows)),
    ...(signature.outputs ?? []).map((tensor) => tensorText('output', tensor, hasRows)),
    ...(resources?.instances === undefined ? [] : [`instance_group { count: ${resources.instances} }`]),
    ...parameters({
      ...steps,
      ...(resources?.threads === undefined ? {} : { intra_op_thread_count: String(resources.threads) }),
      ...(resources?.memory === undefined ? {} : { memory_bytes_max: String(resources.memory) }),
      ...Object.fromEntries(Object.entries(metadata ?? {}).map(([name, value]) => [`metadata.${name}`, value])),
    }),
    ...(warmup ?? []).map((sample, index) => warmupText(sample, index, batching?.rows !== 0)),
  ]
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`
}

const parameters = (values: Readonly<Record<string, string>>): string[] =>
  Object.entries(values).map(
    ([key, value]) => `parameters { key: ${quoted(key)} value { string_value: ${quoted(value)} } }`,
  )

/** In Triton's configuration rows are joined only where both are said. */
const batchingText = (rows: number): string =>
  rows === 0 ? 'max_batch_size: 0' : `max_batch_size: ${rows} dynamic_batching { }`

/** Whether rows of requests are joined, which leaves their dimension out of `dims`: all first dimensions are open. */
const isBatched = ({ batching, signature: { inputs = [], outputs = [] } = {} }: ModelSpec): boolean =>
  batching?.rows !== 0 && [...inputs, ...outputs].every((tensor) => tensor.shape[0] === -1)

const tensorText = (what: string, tensor: TensorSpec, hasRows: boolean): string => {
  const dims = hasRows ? tensor.shape.slice(1) : tensor.shape
  const optional = tensor.optional === true ? ' optional: true' : ''
  return `${what} { name: ${quoted(tensor.name)} data_type: ${typeName(tensor.datatype)} dims: [ ${dims.join(', ')} ]${optional} }`
}

type Sample = NonNullable<ModelSpec['warmup']>[number]

/** The rows of a sample are its batch, where there are batches, so every input of it has as many. */
const warmupText = (sample: Sample, index: number, hasRows: boolean): string => {
  const dims = (shape: readonly number[]): string => (hasRows ? shape.slice(1) : shape).join(', ')
  const inputs = Object.entries(sample.inputs).map(
    ([name, input], at) =>
      `inputs { key: ${quoted(name)} value { data_type: ${typeName(input.datatype)} dims: [ ${dims(input.shape)} ] input_data_file: ${quoted(warmupFile(index, at))} } }`,
  )
  const rows = hasRows ? ` batch_size: ${Object.values(sample.inputs)[0]?.shape[0] ?? 1}` : ''
  return `model_warmup { name: ${quoted(`sample-${index}`)}${rows} count: ${sample.count ?? 1} ${inputs.join(' ')} }`
}
