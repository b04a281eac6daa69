import { datatypes } from '../tensor/index.ts'

/** What may stand in a field of model.yaml. */
export type FieldKind =
  | { readonly kind: 'text'; readonly pattern?: RegExp; readonly what?: string }
  | { readonly kind: 'integer'; readonly min: number; readonly max: number }
  | { readonly kind: 'bytes'; readonly min: number }
  | { readonly kind: 'boolean' }
  | { readonly kind: 'enum'; readonly values: readonly string[] }
  | { readonly kind: 'list'; readonly of: FieldKind; readonly max: number }
  | { readonly kind: 'map'; readonly of: FieldKind; readonly max: number }
  | { readonly kind: 'object'; readonly fields: Readonly<Record<string, Field>> }
  /** Nested lists of values. */
  | { readonly kind: 'values' }

export interface Field {
  readonly type: FieldKind
  readonly doc: string
  readonly required?: true
  /** What holds when it is left out, for the reference. */
  readonly default?: string
}

const text: FieldKind = { kind: 'text' }
const dimensions: FieldKind = { kind: 'list', of: { kind: 'integer', min: -1, max: 2 ** 31 }, max: 32 }

const tensorFields: Readonly<Record<string, Field>> = {
  name: { type: text, required: true, doc: 'Its name.' },
  datatype: { type: { kind: 'enum', values: datatypes }, required: true, doc: 'Its type in the protocol.' },
  shape: { type: dimensions, required: true, doc: 'Its dimensions; -1 for any size. The first is that of the rows.' },
  optional: { type: { kind: 'boolean' }, doc: 'Whether a request may leave it out.', default: 'false' },
}

const tensors: FieldKind = { kind: 'list', of: { kind: 'object', fields: tensorFields }, max: 10_000 }

const sampleFields: Readonly<Record<string, Field>> = {
  datatype: { type: { kind: 'enum', values: datatypes }, required: true, doc: 'Type of the input.' },
  shape: { type: dimensions, required: true, doc: 'Shape of the values, with the dimension of the rows.' },
  values: { type: { kind: 'values' }, required: true, doc: 'The values, nested or flat.' },
}

const warmupFields: Readonly<Record<string, Field>> = {
  inputs: {
    type: { kind: 'map', of: { kind: 'object', fields: sampleFields }, max: 1000 },
    required: true,
    doc: 'The inputs of one run by their names.',
  },
  count: { type: { kind: 'integer', min: 1, max: 1000 }, doc: 'How often it is run.', default: '1' },
}

/** Every field of model.yaml. What reads the file, and the reference, are made of this table. */
export const specFields: Readonly<Record<string, Field>> = {
  model: {
    type: text,
    required: true,
    doc: 'The model: a file or folder below that of model.yaml, or `models:/NAME@ALIAS`, `models:/NAME/VERSION`, `models:/NAME/latest`, `models:/NAME/STAGE`, `models:/m-ID` or `runs:/RUN/PATH` of the server (`--server`).',
  },
  name: {
    type: {
      kind: 'text',
      pattern: /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}$/,
      what: 'a name of letters, digits, _, . and -',
    },
    required: true,
    doc: 'The name by which it is served.',
  },
  version: { type: { kind: 'integer', min: 1, max: 1e15 - 1 }, doc: 'The number of its version.', default: '1' },
  signature: {
    type: {
      kind: 'object',
      fields: {
        inputs: { type: tensors, doc: 'What clients send, where it is not what the model takes.' },
        outputs: { type: tensors, doc: 'What clients get, where it is not what the model gives.' },
      },
    },
    doc: 'What the package takes and gives; needed when code before or behind the model changes it.',
  },
  preprocess: {
    type: text,
    doc: 'A file in TypeScript, JavaScript or Python with a function `preprocess(inputs)`, which makes the inputs of the model for a batch of rows.',
  },
  postprocess: { type: text, doc: 'The same behind the model: `postprocess(outputs)`.' },
  resources: {
    type: {
      kind: 'object',
      fields: {
        instances: { type: { kind: 'integer', min: 1, max: 256 }, doc: 'Host processes that run it side by side.' },
        threads: { type: { kind: 'integer', min: 1, max: 1024 }, doc: 'Threads of ONNX Runtime in each.' },
        memory: {
          type: { kind: 'bytes', min: 64 * 1024 ** 2 },
          doc: 'Most memory of one instance, such as 2GiB; beyond it the host is ended and started anew.',
        },
        requirements: {
          type: { kind: 'list', of: text, max: 1000 },
          doc: "Requirements of Python, as pip takes them; they are frozen when the package is made. Left out: the model's own.",
        },
      },
    },
    doc: 'What it needs to run.',
  },
  batching: {
    type: {
      kind: 'object',
      fields: {
        rows: {
          type: { kind: 'integer', min: 0, max: 1_000_000 },
          required: true,
          doc: 'Most rows of a request, and of the requests that one run joins; with 0 every request runs alone.',
        },
      },
    },
    doc: 'Whether the rows of requests are joined. Left out, they are where the model says or its library proves that no row has a say in the answer for another.',
  },
  warmup: {
    type: { kind: 'list', of: { kind: 'object', fields: warmupFields }, max: 100 },
    doc: 'Runs before the first request.',
  },
  metadata: {
    type: { kind: 'map', of: text, max: 100 },
    doc: 'Facts about it, kept in the package and as labels of the image.',
  },
}

export interface FieldRow {
  readonly path: string
  readonly type: string
  readonly required: boolean
  readonly default: string
  readonly doc: string
}

/** The fields by path, for the reference. */
export const specFieldRows = (fields = specFields, above = ''): FieldRow[] =>
  Object.entries(fields).flatMap(([name, field]) => {
    const path = `${above}${name}`
    const row = {
      path,
      type: typeText(field.type),
      required: field.required === true,
      default: field.default ?? '',
      doc: field.doc,
    }
    return [row, ...innerRows(field.type, path)]
  })

const innerRows = (type: FieldKind, path: string): FieldRow[] => {
  if (type.kind === 'object') return specFieldRows(type.fields, `${path}.`)
  if (type.kind === 'list') return innerRows(type.of, `${path}[]`)
  return type.kind === 'map' ? innerRows(type.of, `${path}.NAME`) : []
}

const typeText = (type: FieldKind): string => {
  switch (type.kind) {
    case 'integer':
      return type.min < 0 ? 'whole number' : `${type.min}…${type.max}`
    case 'bytes':
      return 'size'
    case 'enum':
      return type.values.join(', ')
    case 'list':
      return `list of ${type.of.kind}`
    case 'map':
      return `${type.of.kind} by name`
    default:
      return type.kind
  }
}
