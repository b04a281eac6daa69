import { ProtobufWriter } from '../lib/index.ts'
import type { DataType } from '../tensor/index.ts'

/** TensorProto.DataType of the types that ONNX has. */
const elementTypes: Readonly<Record<DataType, number>> = {
  FP32: 1,
  UINT8: 2,
  INT8: 3,
  UINT16: 4,
  INT16: 5,
  INT32: 6,
  INT64: 7,
  BYTES: 8,
  BOOL: 9,
  FP16: 10,
  FP64: 11,
  UINT32: 12,
  UINT64: 13,
  BF16: 16,
}

export interface OnnxValue {
  readonly name: string
  readonly datatype: DataType
  /** A text is a dimension of that name and any size; -1 one without a name. */
  readonly shape: readonly (number | string)[]
}

export type OnnxAttribute =
  | number
  | string
  | readonly number[]
  | readonly string[]
  | { readonly float: number }
  | { readonly graph: OnnxGraph }
  | { readonly tensor: OnnxInitializer }
  | { readonly sparse: OnnxSparse }

export interface OnnxNode {
  readonly op: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly domain?: string
  readonly attributes?: Readonly<Record<string, OnnxAttribute>>
}

export interface OnnxInitializer {
  readonly name: string
  readonly datatype: DataType
  readonly dims: readonly number[]
  /** Bytes in the file, or where they lie in another. */
  readonly data: Uint8Array | { readonly location: string; readonly offset?: number; readonly length?: number }
}

/** A sparse tensor: its values, under whose name it goes, and their places. */
export interface OnnxSparse {
  readonly values: OnnxInitializer
  readonly indices: OnnxInitializer
}

export interface OnnxFunction {
  readonly name: string
  readonly domain: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly nodes: readonly OnnxNode[]
}

export interface OnnxGraph {
  readonly inputs: readonly OnnxValue[]
  /** `zipMap` makes the output a sequence of maps with keys of that kind. */
  readonly outputs: readonly (OnnxValue & { readonly zipMap?: 'int64' | 'string' })[]
  readonly nodes: readonly OnnxNode[]
  readonly initializers?: readonly OnnxInitializer[]
  readonly sparseInitializers?: readonly OnnxSparse[]
}

export interface OnnxModel extends OnnxGraph {
  readonly opset?: number
  readonly irVersion?: number
  readonly metadata?: Readonly<Record<string, string>>
  readonly functions?: readonly OnnxFunction[]
  /** A graph that only training would run. */
  readonly training?: OnnxGraph
}

/** Encodes a model as an ONNX file (onnx.proto3), for tests and benchmarks. */
export const buildOnnx = (model: OnnxModel): Uint8Array => {
  const writer = new ProtobufWriter(4096).uint64(1, model.irVersion ?? 8).string(2, 'slipway-testing')
  writer.message(7, (graph) => writeGraph(graph, model))
  for (const domain of domainsOf([...model.nodes, ...(model.functions ?? []).flatMap(({ nodes }) => nodes)]))
    writer.message(8, (opset) => writeOpset(opset, domain, model.opset))
  for (const [key, value] of Object.entries(model.metadata ?? {}))
    writer.message(14, (entry) => entry.string(1, key).string(2, value))
  const { training } = model
  if (training !== undefined) writer.message(20, (info) => info.message(2, (graph) => writeGraph(graph, training)))
  for (const one of model.functions ?? []) writer.message(25, (message) => writeFunction(message, one, model.opset))
  const bytes = writer.finish()
  // Why: tests damage copies made by slice(), which for a Buffer would share its memory.
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
}

const domainsOf = (nodes: readonly OnnxNode[]): ReadonlySet<string> =>
  new Set(['', ...nodes.map((node) => node.domain ?? '')])

const writeOpset = (writer: ProtobufWriter, domain: string, opset = 17): void => {
  writer.string(1, domain).uint64(2, domain === '' ? opset : domain === 'ai.onnx.ml' ? 3 : 1)
}

const writeFunction = (writer: ProtobufWriter, one: OnnxFunction, opset: number | undefined): void => {
  writer.string(1, one.name)
  for (const input of one.inputs) writer.string(4, input)
  for (const output of one.outputs) writer.string(5, output)
  for (const node of one.nodes) writer.message(7, (message) => writeNode(message, node))
  for (const domain of domainsOf(one.nodes)) writer.message(9, (message) => writeOpset(message, domain, opset))
  writer.string(10, one.domain)
}

const writeGraph = (writer: ProtobufWriter, graph: OnnxGraph): void => {
  for (const node of graph.nodes) writer.message(1, (message) => writeNode(message, node))
  writer.string(2, 'graph')
  for (const initializer of graph.initializers ?? [])
    writer.message(5, (tensor) => writeInitializer(tensor, initializer))
  for (const sparse of graph.sparseInitializers ?? []) writer.message(15, (tensor) => writeSparse(tensor, sparse))
  for (const input of graph.inputs) writer.message(11, (value) => writeValue(value, input))
  for (const output of graph.outputs)
    writer.message(12, (value) =>
      output.zipMap === undefined ? writeValue(value, output) : writeMapValue(value, output.name, output.zipMap),
    )
}

const writeNode = (writer: ProtobufWriter, node: OnnxNode): void => {
  for (const input of node.inputs) writer.string(1, input)
  for (const output of node.outputs) writer.string(2, output)
  writer.string(4, node.op)
  for (const [name, value] of Object.entries(node.attributes ?? {}))
    writer.message(5, (attribute) => writeAttribute(attribute, name, value))
  if (node.domain !== undefined) writer.string(7, node.domain)
}

const writeAttribute = (writer: ProtobufWriter, name: string, value: OnnxAttribute): void => {
  writer.string(1, name)
  if (typeof value === 'number') writer.int64(3, value).uint64(20, 2)
  else if (typeof value === 'string') writer.string(4, value).uint64(20, 3)
  else if ('float' in value) writer.float(2, value.float).uint64(20, 1)
  else if ('graph' in value) writer.message(6, (graph) => writeGraph(graph, value.graph)).uint64(20, 5)
  else if ('tensor' in value) writer.message(5, (tensor) => writeInitializer(tensor, value.tensor)).uint64(20, 4)
  else if ('sparse' in value) writer.message(22, (tensor) => writeSparse(tensor, value.sparse)).uint64(20, 11)
  else if (typeof value[0] === 'string') {
    for (const text of value) writer.string(9, String(text))
    writer.uint64(20, 8)
  } else {
    for (const number of value) writer.int64(8, Number(number))
    writer.uint64(20, 7)
  }
}

/** A SparseTensorProto of one dimension, eight long. */
const writeSparse = (writer: ProtobufWriter, { values, indices }: OnnxSparse): void => {
  writer
    .message(1, (tensor) => writeInitializer(tensor, values))
    .message(2, (tensor) => writeInitializer(tensor, indices))
    .int64(3, 8)
}

const writeInitializer = (writer: ProtobufWriter, { name, datatype, dims, data }: OnnxInitializer): void => {
  for (const dimension of dims) writer.int64(1, dimension)
  writer.uint64(2, elementTypes[datatype]).string(8, name)
  if (data instanceof Uint8Array) {
    writer.bytes(9, data)
    return
  }
  for (const [key, value] of Object.entries(data))
    writer.message(13, (entry) => entry.string(1, key).string(2, String(value)))
  writer.uint64(14, 1)
}

const writeValue = (writer: ProtobufWriter, { name, datatype, shape }: OnnxValue): void => {
  writer.string(1, name).message(2, (type) =>
    type.message(1, (tensor) =>
      tensor.uint64(1, elementTypes[datatype]).message(2, (dimensions) => {
        for (const dimension of shape) {
          dimensions.message(1, (one) => {
            if (typeof dimension === 'string') one.string(2, dimension)
            else if (dimension >= 0) one.int64(1, dimension)
          })
        }
      }),
    ),
  )
}

/** seq(map(int64 or string, float)), the type of ZipMap's output. */
const writeMapValue = (writer: ProtobufWriter, name: string, keys: 'int64' | 'string'): void => {
  writer
    .string(1, name)
    .message(2, (type) =>
      type.message(4, (sequence) =>
        sequence.message(1, (element) =>
          element.message(5, (map) =>
            map
              .uint64(1, keys === 'int64' ? 7 : 8)
              .message(2, (value) => value.message(1, (tensor) => tensor.uint64(1, 1).message(2, () => {}))),
          ),
        ),
      ),
    )
}
