import { ProtobufReader, ProtobufWriter } from '../../../lib/index.ts'

export interface WithoutZipMap {
  readonly model: Uint8Array
  /** Class labels by the name of the output that was a sequence of maps. */
  readonly classes: Readonly<Record<string, readonly string[]>>
}

interface ZipMapNode {
  readonly input: string
  readonly output: string
  readonly classes: readonly string[]
}

const floatType = 1

/**
 * Rewrites a model so that outputs of ZipMap, which are sequences of maps and can't cross a tensor protocol, are the
 * tensors behind them: float [rows, classes], the classes in order. Converters of scikit-learn put ZipMap there.
 */
export const dropZipMap = (model: Uint8Array): WithoutZipMap => {
  const classes: Record<string, readonly string[]> = {}
  const writer = new ProtobufWriter(1024)
  copyFields(model, writer, (reader) => {
    if (reader.field !== 7) return false
    writer.bytes(7, graphWithout(reader.bytes(), classes))
    return true
  })
  return { model: writer.finish(), classes }
}

/** Copies a message field by field; `replace` writes a field itself and says so. */
const copyFields = (
  message: Uint8Array,
  writer: ProtobufWriter,
  replace: (reader: ProtobufReader) => boolean,
): void => {
  const reader = new ProtobufReader(message)
  while (reader.next()) {
    const start = reader.position
    if (replace(reader)) continue
    reader.seek(start)
    reader.skip()
    writer.raw(reader.field, reader.wireType, message.subarray(start, reader.position))
  }
}

const graphWithout = (graph: Uint8Array, classes: Record<string, readonly string[]>): Uint8Array => {
  const zipMaps = findZipMaps(graph)
  const writer = new ProtobufWriter(1024)
  copyFields(graph, writer, (reader) => {
    if (reader.field === 1) {
      const zipMap = readZipMap(reader.bytes())
      if (zipMap === undefined) return false
      writer.message(1, (node) => node.string(1, zipMap.input).string(2, zipMap.output).string(4, 'Identity'))
      return true
    }
    if (reader.field === 12) {
      const zipMap = zipMaps.get(nameOf(reader.bytes()))
      if (zipMap === undefined) return false
      classes[zipMap.output] = zipMap.classes
      writer.message(12, (output) => writeOutput(output, zipMap))
      return true
    }
    return false
  })
  return writer.finish()
}

const writeOutput = (output: ProtobufWriter, { output: name, classes }: ZipMapNode): void => {
  output
    .string(1, name)
    .message(2, (type) =>
      type.message(1, (tensor) =>
        tensor
          .uint64(1, floatType)
          .message(2, (shape) =>
            shape
              .message(1, (rows) => rows.string(2, 'rows'))
              .message(1, (columns) => columns.uint64(1, classes.length)),
          ),
      ),
    )
}

const findZipMaps = (graph: Uint8Array): Map<string, ZipMapNode> => {
  const found = new Map<string, ZipMapNode>()
  const reader = new ProtobufReader(graph)
  while (reader.next()) {
    if (reader.field !== 1) {
      reader.skip()
      continue
    }
    const zipMap = readZipMap(reader.bytes())
    if (zipMap !== undefined) found.set(zipMap.output, zipMap)
  }
  return found
}

/** Of a name that comes twice the last counts, as for every other reader of the file. */
const nameOf = (valueInfo: Uint8Array): string => {
  const reader = new ProtobufReader(valueInfo)
  let name = ''
  while (reader.next()) {
    if (reader.field === 1) name = reader.string()
    else reader.skip()
  }
  return name
}

const readZipMap = (node: Uint8Array): ZipMapNode | undefined => {
  const reader = new ProtobufReader(node)
  let input = ''
  let output = ''
  let type = ''
  let domain = ''
  const classes: string[] = []
  while (reader.next()) {
    if (reader.field === 1) input = reader.string()
    else if (reader.field === 2) output = reader.string()
    else if (reader.field === 4) type = reader.string()
    else if (reader.field === 5) readClasses(reader.message(), classes)
    else if (reader.field === 7) domain = reader.string()
    else reader.skip()
  }
  return type === 'ZipMap' && domain === 'ai.onnx.ml' ? { input, output, classes } : undefined
}

/** An attribute of ZipMap: classlabels_int64s (ints, field 8) or classlabels_strings (strings, field 9). */
const readClasses = (attribute: ProtobufReader, classes: string[]): void => {
  while (attribute.next()) {
    if (attribute.field === 9) classes.push(attribute.string())
    else if (attribute.field !== 8) attribute.skip()
    else if (attribute.wireType === 0) classes.push(String(attribute.int64()))
    else for (const packed = attribute.message(); packed.more;) classes.push(String(packed.int64()))
  }
}
