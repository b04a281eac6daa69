import { parseValue } from '../../app/config/parse-value.ts'
import type { Option } from '../../lib/index.ts'
import type { ClientArgs } from '../client-options.ts'
import type { Flag } from '../command.ts'
import { UsageError } from '../command.ts'
import type { NetworkInput } from './convert-job.ts'
import type { Flavor } from './flavors.ts'
import { flavors } from './flavors.ts'
import { requireModelName } from './model-source.ts'

export const convertFlags: readonly Flag[] = [
  {
    name: 'output',
    value: 'DIR',
    doc: 'a model repository: the model goes to DIR/NAME/VERSION/model.onnx',
    default: '.',
  },
  { name: 'name', value: 'NAME', doc: 'the name of the model', default: 'that of the source' },
  { name: 'flavor', value: 'FLAVOR', doc: flavors.join(', '), default: 'what the source says' },
  {
    name: 'sample',
    value: 'FILE',
    doc: 'rows to compare on, .csv, .parquet or .json',
    default: "rows drawn from the model's own ranges",
  },
  { name: 'label', value: 'COLUMN', doc: 'the column of the sample that holds the truth; adds a metric' },
  { name: 'tolerance', value: 'X', doc: 'largest difference, relative above 1', default: '0.0001' },
  { name: 'rows', value: 'N', doc: 'rows to draw', default: '1000' },
  { name: 'seed', value: 'N', doc: 'what the rows are drawn from', default: '7' },
  { name: 'quantize', value: 'int8|fp16', doc: 'make a network smaller, and tell what it costs and gains' },
  { name: 'agreement', value: 'SHARE', doc: 'with --quantize: labels that must agree', default: '0.99' },
  { name: 'inputs', value: 'SPECS', doc: "inputs of a network that doesn't tell them, as in x:FP32[-1,4]" },
  { name: 'opset', value: 'N', doc: 'operator set of ONNX', default: 'the newest that the runtime runs throughout' },
  {
    name: 'python',
    value: 'PATH',
    doc: 'the interpreter, with the packages of the model and of the converter',
    default: 'SLIPWAY_PYTHON, or an environment made for the model',
  },
  {
    name: 'data-dir',
    value: 'DIR',
    doc: 'where environments and conversions are kept',
    default: "the user's cache folder",
  },
  { name: 'no-cache', doc: 'converts anew, also what was converted the same way before' },
  { name: 'memory', value: 'SIZE', doc: 'memory of the child process', default: '8GiB' },
  { name: 'timeout', value: 'TIME', doc: 'time of the child process', default: '15m' },
  { name: 'deploy', doc: 'deploy the result to --server under its name' },
  { name: 'register', value: 'NAME', doc: 'register the result at --server as the next version of a model' },
]

export interface ConvertArgs {
  readonly output: string
  readonly name: string | undefined
  readonly flavor: Flavor | undefined
  readonly sample: string | undefined
  readonly label: string | undefined
  readonly tolerance: number
  readonly rows: number
  readonly seed: number
  readonly quantize: 'int8' | 'fp16' | undefined
  readonly agreement: number
  readonly inputs: readonly NetworkInput[] | undefined
  readonly opset: number | undefined
  readonly memoryBytes: number
  readonly timeoutMs: number
}

type Texts = Pick<ClientArgs, 'text'>

type NumberOption = Extract<Option, { readonly type: 'integer' | 'number' | 'duration' | 'bytes' }>

const valueOf = (args: Texts, name: string, option: Omit<NumberOption, 'doc'>): number => {
  const text = args.text(name)
  if (text === undefined) return option.default
  const parsed = parseValue({ doc: '', ...option }, text)
  if (typeof parsed === 'string') throw new UsageError(`--${name} ${parsed}`)
  return parsed.value as number
}

const choiceOf = <T extends string>(args: Texts, name: string, choices: readonly T[]): T | undefined => {
  const text = args.text(name)
  const found = choices.find((choice) => choice === text)
  if (text !== undefined && found === undefined)
    throw new UsageError(`--${name} '${text}' is not one of ${choices.join(', ')}`)
  return found
}

/** Reads the flags of `slipway convert`. Throws UsageError. */
export const readConvertArgs = (args: Texts): ConvertArgs => {
  const name = args.text('name')
  const inputs = args.text('inputs')
  const label = args.text('label')
  const sample = args.text('sample')
  const quantize = choiceOf(args, 'quantize', ['int8', 'fp16'] as const)
  if (label !== undefined && sample === undefined)
    throw new UsageError('--label names a column of --sample, which is missing')
  if (args.text('agreement') !== undefined && quantize === undefined)
    throw new UsageError('--agreement goes with --quantize')
  const opset = valueOf(args, 'opset', { type: 'integer', default: 0, min: 9, max: 21 })
  return {
    output: args.text('output') ?? '.',
    name: name === undefined ? undefined : requireModelName(name),
    flavor: choiceOf(args, 'flavor', flavors),
    sample,
    label,
    tolerance: valueOf(args, 'tolerance', { type: 'number', default: 1e-4, min: 0, max: 1 }),
    rows: valueOf(args, 'rows', { type: 'integer', default: 1000, min: 1, max: 100_000 }),
    seed: valueOf(args, 'seed', { type: 'integer', default: 7, min: 0, max: 2 ** 32 - 1 }),
    quantize,
    agreement: valueOf(args, 'agreement', { type: 'number', default: 0.99, min: 0, max: 1 }),
    inputs: inputs === undefined ? undefined : readInputs(inputs),
    opset: opset === 0 ? undefined : opset,
    memoryBytes: valueOf(args, 'memory', { type: 'bytes', default: 8 * 1024 ** 3, min: 256 * 1024 ** 2 }),
    timeoutMs: valueOf(args, 'timeout', { type: 'duration', default: 900_000, min: 1000, max: 86_400_000 }),
  }
}

const numpyTypes: Readonly<Record<string, string>> = {
  FP16: 'float16',
  FP32: 'float32',
  FP64: 'float64',
  INT8: 'int8',
  INT32: 'int32',
  INT64: 'int64',
  UINT8: 'uint8',
  BOOL: 'bool',
}

/** Reads `x:FP32[-1,4];mask:BOOL[-1]`. */
export const readInputs = (text: string): NetworkInput[] =>
  text.split(';').map((part) => {
    const match = /^\s*([\w.-]+):([A-Z0-9]+)\[(-?\d+(?:\s*,\s*-?\d+)*)\]\s*$/.exec(part)
    const dtype = numpyTypes[match?.[2] ?? '']
    if (match === null || dtype === undefined) {
      const types = Object.keys(numpyTypes).join(', ')
      throw new UsageError(`--inputs '${part}' is not of the form NAME:TYPE[-1,…] with one of ${types}`)
    }
    return { name: match[1] ?? '', dtype, shape: (match[3] ?? '').split(',').map(Number) }
  })
