import { configSchema } from './config-schema.ts'

/**
 * What becomes of a field: `honoured` acts; `kept` is answered by the config endpoints as it was written, without an
 * effect; `refused` fails the load unless it has its default, since the model's answers would mean something else.
 */
export type FieldUse = 'honoured' | 'kept' | 'refused'

export interface FieldRow {
  readonly use: FieldUse
  /** What an honoured field does; why another one does nothing. */
  readonly text: string
}

const honoured = (text: string): FieldRow => ({ use: 'honoured', text })
const kept = (text: string): FieldRow => ({ use: 'kept', text })
const refused = (text: string): FieldRow => ({ use: 'refused', text })

const shapeTensor = refused('only TensorRT has shape tensors, and there is no engine for it')
const nonLinear = refused('only TensorRT has such formats, and there is no engine for it')
const reshape = honoured(
  'The shape that the model has beside the one of requests in dims: as many elements, and the n-th -1 of both is the same size. An empty shape is a scalar.',
)
const pinned = kept('data reach the engine through a socket, so no buffer of the server is copied to a device')

/** Fields by message of the schema. A field without a row is a message whose own fields have rows. */
export const configFields: Readonly<Record<string, Readonly<Record<string, FieldRow>>>> = {
  ModelConfig: {
    name: honoured('Must be the name of the folder; may be left out.'),
    platform: honoured(
      'The engine, when there is no backend: onnxruntime_onnx, js, python, mlflow or echo. Another one fails the load.',
    ),
    backend: honoured('The engine: onnxruntime, js, python, mlflow or echo. Another one fails the load.'),
    runtime: kept('engines are part of the server, not libraries of their own'),
    max_batch_size: honoured(
      'Most rows of a request and of a run; 0: the first dimension is not a batch. Left out, the model decides.',
    ),
    batch_input: refused('the model would lack the inputs that Triton makes from the batch'),
    batch_output: refused('outputs are divided by their rows only'),
    sequence_batching: refused('requests are independent of each other; no state is kept between them'),
    ensemble_scheduling: refused('there are no ensembles; serve the steps as models of their own'),
    default_model_filename: honoured("The file in the version's folder that the engine loads."),
    cc_model_filenames: kept('one file serves every device: that of default_model_filename'),
    metric_tags: kept('the labels of a metric are the same for every model'),
    parameters: honoured(
      "Options of the engine, which come before the server's own, but for its limits; a JavaScript model gets them in load().",
    ),
    model_operations: kept('it can only name libraries of operators'),
    model_transaction_policy: kept('every model answers a request once'),
    model_repository_agents: kept('it can only name agents'),
    response_cache: kept('there is no cache of answers; every request is computed'),
    model_metrics: kept('the buckets of a histogram are the same for every model'),
  },
  VersionPolicy: {
    latest: honoured('Serves the num_versions newest versions; the default, with 1.'),
    all: honoured('Serves every version.'),
    specific: honoured('Serves the versions listed.'),
  },
  Input: {
    name: honoured("Must be an input of the model; without any input written, the model's own are taken."),
    data_type: honoured("Must be the model's."),
    format: kept('a layout says nothing that dims do not; nothing is transposed'),
    dims: honoured('The shape that requests have, without the batch dimension; -1 for any size.'),
    reshape,
    is_shape_tensor: shapeTensor,
    allow_ragged_batch: refused('rows of different shapes do not share a run; pad them, or leave the field out'),
    optional: honoured('Requests may leave the input out. Fails the load when the engine needs it in every run.'),
    is_non_linear_format_io: nonLinear,
  },
  Output: {
    name: honoured("Must be an output of the model; without any output written, the model's own are taken."),
    data_type: honoured("Must be the model's."),
    dims: honoured('The shape that answers have, without the batch dimension; -1 for any size.'),
    reshape,
    label_filename: honoured("A file in the model's folder with a class label a line, for classification."),
    is_shape_tensor: shapeTensor,
    is_non_linear_format_io: nonLinear,
  },
  Optimization: {
    graph: honoured('Its level is how far ONNX Runtime rewrites the model: -1 basic, 0 all, 1 extended.'),
    priority: kept('models share the machine evenly'),
    cuda: kept('ONNX Runtime is run without CUDA graphs'),
    execution_accelerators: kept('the parameter execution_provider chooses between CPU and CUDA; there is no other'),
    input_pinned_memory: pinned,
    output_pinned_memory: pinned,
    gather_kernel_buffer_threshold: kept('rows are gathered on the CPU'),
    eager_batching: kept('a batch is laid out when an instance takes it'),
  },
  DynamicBatching: {
    preferred_batch_size: honoured('Sizes at which a batch that may still wait leaves at once.'),
    max_queue_delay_microseconds: honoured('How long the oldest request waits for others; 0 waits for none.'),
    preserve_ordering: honoured('Answers leave in the order in which requests came.'),
    priority_levels: honoured('Number of levels, of which 1 is the most urgent.'),
    default_priority_level: honoured('The level of requests that name none.'),
    default_queue_policy: honoured(
      'Bounds of the queue: its length, the wait in it, and what happens after that. Only with allow_timeout_override may the parameter timeout of a request shorten the wait; otherwise it is ignored.',
    ),
    priority_queue_policy: honoured('The same for single levels.'),
  },
  InstanceGroup: {
    name: honoured('A label, answered by the config endpoints.'),
    kind: honoured(
      'KIND_CPU runs every instance of the model on the CPU, KIND_GPU, also beside it, on CUDA; KIND_AUTO and KIND_MODEL leave it to the engine.',
    ),
    count: honoured('Number of processes that hold the model and run batches side by side.'),
    rate_limiter: kept('an instance takes the next batch whenever it is free'),
    gpus: kept('the engine takes the first device that it sees; count is not multiplied by the number of devices'),
    secondary_devices: kept('only TensorRT has them, and there is no engine for it'),
    profile: kept('only TensorRT has them, and there is no engine for it'),
    passive: refused('every instance takes requests'),
    host_policy: kept('the operating system places the processes'),
  },
  Warmup: {
    name: honoured('For messages about the sample.'),
    batch_size: honoured('Rows of the sample, for a model with a batch dimension.'),
    inputs: honoured(
      "The sample, by input: dims as in requests, and zeros, random data or a file of the model's folder warmup, which has all rows, or one that is repeated.",
    ),
    count: honoured('How often the sample is run on every instance before the version is ready.'),
  },
  Operations: { op_library_filename: refused('engines load no libraries of operators') },
  TransactionPolicy: { decoupled: refused('every model answers a request once') },
  RepositoryAgents: { agents: refused('no agent runs, and files that one should have checked would go unchecked') },
}

/** The row of a field; undefined for one that is a message of rows. */
export const fieldRow = (message: string, field: string): FieldRow | undefined => {
  const rows = configFields[message]
  return rows !== undefined && Object.hasOwn(rows, field) ? rows[field] : undefined
}

/** The message that a field, a list or a map holds, by name; undefined for scalars. */
export const messageOf = (kind: string): string | undefined => {
  const name = /^map<\w+,(\w+)>$/.exec(kind)?.[1] ?? kind.replace('[]', '')
  return Object.hasOwn(configSchema, name) ? name : undefined
}

/** Every field with its path, in the order of the schema. */
export const configFieldRows = (
  message = 'ModelConfig',
  prefix = '',
): readonly (FieldRow & { readonly path: string })[] =>
  Object.entries(configSchema[message] ?? {}).flatMap(([field, kind]) => {
    const row = fieldRow(message, field)
    const inner = messageOf(kind)
    return [
      ...(row === undefined ? [] : [{ path: prefix + field, ...row }]),
      ...(inner !== undefined && inner in configFields ? configFieldRows(inner, `${prefix}${field}.`) : []),
    ]
  })
