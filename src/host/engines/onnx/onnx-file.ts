import { ProtobufError } from '../../../lib/index.ts'
import type { FileField } from './file-fields.ts'
import { FileFields } from './file-fields.ts'
import type { ExternalData } from './onnx-tensor.ts'
import { readTensor } from './onnx-tensor.ts'
import type { OnnxValueFacts } from './onnx-values.ts'
import { readValue } from './onnx-values.ts'

/** Operator types by domain; the default domain is the empty text. */
export type OperatorsByDomain = ReadonlyMap<string, ReadonlySet<string>>

/** What an ONNX file says of itself, without its weights. */
export interface OnnxFacts {
  readonly irVersion: number
  readonly producer: string
  /** Versions of the operator sets that the file asks for, by domain. */
  readonly opsets: ReadonlyMap<string, number>
  readonly metadata: Readonly<Record<string, string>>
  /** What requests must give: inputs of the graph that no initializer fills. */
  readonly inputs: readonly OnnxValueFacts[]
  readonly outputs: readonly OnnxValueFacts[]
  /** Operators of all nodes, those in graphs of attributes and in functions included. */
  readonly operators: OperatorsByDomain
  /** Functions that the file itself defines. */
  readonly functions: OperatorsByDomain
  readonly external: readonly ExternalData[]
  readonly hasGraph: boolean
  readonly hasZipMap: boolean
  /** Tensors whose data are not as long as their dimensions say, the first ten. */
  readonly lies: readonly string[]
}

/** Graphs within attributes of nodes within graphs: no real model comes near. */
const depthMax = 32
/** Entries and characters of everything that is kept of a file: bounds the memory, far above any real model. */
const keptMax = 1_000_000
const keptCharactersMax = 32 * 1024 * 1024
const nameBytesMax = 256
const metadataBytesMax = 64 * 1024
const metadataEntriesMax = 1000

/** Reads the facts of the ModelProto in an open file (onnx.proto3, IR version 13). Throws ProtobufError or Error. */
export const readOnnxFacts = (fd: number, fileBytes: number): OnnxFacts =>
  new OnnxReader(new FileFields(fd)).model(fileBytes)

class OnnxReader {
  readonly #file: FileFields
  readonly #opsets = new Map<string, number>()
  readonly #metadata = Object.create(null) as Record<string, string>
  #metadataEntries = 0
  readonly #inputs: OnnxValueFacts[] = []
  readonly #outputs: OnnxValueFacts[] = []
  readonly #initialized = new Set<string>()
  readonly #operators = new Map<string, Set<string>>()
  readonly #functions = new Map<string, Set<string>>()
  readonly #external: ExternalData[] = []
  readonly #lies: string[] = []
  #kept = 0
  #keptCharacters = 0

  constructor(file: FileFields) {
    this.#file = file
  }

  model(end: number): OnnxFacts {
    let irVersion = 0
    let producer = ''
    let graphs = 0
    for (const field of this.#file.of(0, end)) {
      switch (field.field) {
        case 1:
          irVersion = field.number
          break
        case 2:
          producer = this.#file.excerpt(field, nameBytesMax)
          break
        case 7:
          graphs = once(graphs, field)
          this.#mainGraph(field)
          break
        case 8:
          this.#opset(field)
          break
        case 14:
          this.#addMetadata(field)
          break
        case 20:
          this.#training(field)
          break
        case 25:
          this.#function(field)
          break
        default:
      }
    }
    return {
      irVersion,
      producer,
      opsets: this.#opsets,
      metadata: this.#metadata,
      inputs: this.#inputs.filter((input) => !this.#initialized.has(input.name)),
      outputs: this.#outputs,
      operators: this.#operators,
      functions: this.#functions,
      external: this.#external,
      hasGraph: graphs > 0,
      hasZipMap: this.#operators.get('ai.onnx.ml')?.has('ZipMap') === true,
      lies: this.#lies,
    }
  }

  #opset(message: FileField): void {
    let domain = ''
    let version = 0
    for (const field of this.#file.message(message)) {
      if (field.field === 1) domain = this.#file.text(field, nameBytesMax)
      else if (field.field === 2) version = field.number
    }
    this.#keep(domain)
    this.#opsets.set(domain, version)
  }

  /** Beyond their limits, entries are left out: nothing depends on them. */
  #addMetadata(message: FileField): void {
    if (++this.#metadataEntries > metadataEntriesMax) return
    let key = ''
    let value = ''
    for (const field of this.#file.message(message)) {
      if (field.field === 1) key = this.#file.excerpt(field, nameBytesMax)
      else if (field.field === 2) value = this.#file.excerpt(field, metadataBytesMax)
    }
    this.#keep(key + value)
    this.#metadata[key] = value
  }

  /** TrainingInfoProto: an initialization and an algorithm, both graphs. */
  #training(message: FileField): void {
    for (const field of this.#file.message(message)) {
      if (field.field === 1 || field.field === 2) this.#graph(field, 1)
    }
  }

  #function(message: FileField): void {
    let name = ''
    let domain = ''
    for (const field of this.#file.message(message)) {
      if (field.field === 1) name = this.#file.text(field, nameBytesMax)
      else if (field.field === 7) this.#node(field, 1)
      else if (field.field === 10) domain = this.#file.text(field, nameBytesMax)
      else if (field.field === 11) this.#attribute(field, 1)
    }
    this.#addOperator(this.#functions, domain, name)
  }

  #mainGraph(message: FileField): void {
    for (const field of this.#file.message(message)) {
      if (field.field === 11) this.#inputs.push(this.#value(field))
      else if (field.field === 12) this.#outputs.push(this.#value(field))
      else {
        const name = this.#graphField(field, 0)
        if (name !== undefined) this.#initialized.add(this.#keep(name))
      }
    }
  }

  #value(message: FileField): OnnxValueFacts {
    const value = readValue(this.#file, message)
    this.#keep(value.name + value.type)
    for (const dimension of value.shape ?? []) this.#keep(String(dimension))
    return value
  }

  #graph(message: FileField, depth: number): void {
    if (depth > depthMax) throw new Error(`graphs nested deeper than ${depthMax}`)
    for (const field of this.#file.message(message)) this.#graphField(field, depth)
  }

  /** Reads a node or initializer; the name of an initializer comes back. */
  #graphField(field: FileField, depth: number): string | undefined {
    if (field.field === 1) this.#node(field, depth)
    else if (field.field === 5) return this.#tensor(field)
    else if (field.field === 15) return this.#sparse(field)
    return undefined
  }

  #node(message: FileField, depth: number): void {
    let domain = ''
    let type = ''
    for (const field of this.#file.message(message)) {
      if (field.field === 4) type = this.#file.text(field, nameBytesMax)
      else if (field.field === 5) this.#attribute(field, depth)
      else if (field.field === 7) domain = this.#file.text(field, nameBytesMax)
    }
    this.#addOperator(this.#operators, domain, type)
  }

  #attribute(message: FileField, depth: number): void {
    let seen = 0
    for (const field of this.#file.message(message)) {
      switch (field.field) {
        case 5:
          seen = once(seen, field)
          this.#tensor(field)
          break
        case 6:
          seen = once(seen, field)
          this.#graph(field, depth + 1)
          break
        case 10:
          this.#tensor(field)
          break
        case 11:
          this.#graph(field, depth + 1)
          break
        case 22:
          seen = once(seen, field)
          this.#sparse(field)
          break
        case 23:
          this.#sparse(field)
          break
        default:
      }
    }
  }

  /** A SparseTensorProto has the name of its values. */
  #sparse(message: FileField): string {
    let seen = 0
    let name = ''
    for (const field of this.#file.message(message)) {
      if (field.field > 2) continue
      seen = once(seen, field)
      const tensor = this.#tensor(field)
      if (field.field === 1) name = tensor
    }
    return name
  }

  #tensor(message: FileField): string {
    const { name, external, lies } = readTensor(this.#file, message)
    if (external !== undefined) {
      this.#keep(name + external.location)
      this.#external.push(external)
    }
    if (lies && this.#lies.length < 10) this.#lies.push(name)
    return name
  }

  #addOperator(into: Map<string, Set<string>>, domain: string, type: string): void {
    const known = into.get(domain)
    if (known?.has(type) === true) return
    this.#keep(domain + type)
    if (known === undefined) into.set(domain, new Set([type]))
    else known.add(type)
  }

  #keep(text: string): string {
    this.#kept += 1
    this.#keptCharacters += text.length
    if (this.#kept > keptMax || this.#keptCharacters > keptCharactersMax)
      throw new Error('more names and types than any model has')
    return text
  }
}

/**
 * Marks a field that a message has once at most; returns the marks. Why: readers join a message that comes twice,
 * so that its halves could each look harmless.
 */
const once = (seen: number, field: FileField): number => {
  const mark = 1 << field.field
  if ((seen & mark) !== 0) throw new ProtobufError(`field ${field.field} comes twice at byte ${field.start}`)
  return seen | mark
}
