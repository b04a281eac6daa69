import type { FileField } from './file-fields.ts'
import { FileFields } from './file-fields.ts'

/** A tensor kept in a file of its own (ONNX external data). */
export interface ExternalData {
  readonly tensor: string
  readonly location: string
  readonly offset: number
  readonly length: number | undefined
}

/** What an ONNX file says of itself, without its weights. */
export interface OnnxFacts {
  readonly irVersion: number
  readonly producer: string
  readonly metadata: Readonly<Record<string, string>>
  /** Operator domains that the nodes use; the default domain is the empty text. */
  readonly domains: ReadonlySet<string>
  /** Domains that the file itself defines functions for. */
  readonly functionDomains: ReadonlySet<string>
  readonly external: readonly ExternalData[]
  readonly hasGraph: boolean
  readonly hasZipMap: boolean
  /** Tensors whose data are not as long as their dimensions say. */
  readonly lies: readonly string[]
}

/** Graphs within attributes of nodes within graphs: no real model comes near. */
const depthMax = 32
const listMax = 100_000
const metadataBytesMax = 64 * 1024

interface Gathered {
  irVersion: number
  producer: string
  readonly metadata: Record<string, string>
  readonly domains: Set<string>
  readonly functionDomains: Set<string>
  readonly external: ExternalData[]
  readonly lies: string[]
  hasGraph: boolean
  hasZipMap: boolean
}

/** Reads the facts of the ModelProto in an open file (onnx.proto3, IR version 13). Throws ProtobufError. */
export const readOnnxFacts = (fd: number, fileBytes: number): OnnxFacts =>
  new OnnxReader(new FileFields(fd)).model(fileBytes)

class OnnxReader {
  readonly #file: FileFields
  readonly #facts: Gathered = {
    irVersion: 0,
    producer: '',
    metadata: Object.create(null) as Record<string, string>,
    domains: new Set(),
    functionDomains: new Set(),
    external: [],
    lies: [],
    hasGraph: false,
    hasZipMap: false,
  }

  constructor(file: FileFields) {
    this.#file = file
  }

  model(end: number): OnnxFacts {
    const facts = this.#facts
    for (const field of this.#file.of(0, end)) {
      switch (field.field) {
        case 1:
          facts.irVersion = field.number
          break
        case 2:
          facts.producer = this.#file.text(field)
          break
        case 7:
          facts.hasGraph = true
          this.#graph(field, 0)
          break
        case 14:
          this.#metadata(field)
          break
        case 25:
          this.#function(field)
          break
        default:
      }
    }
    return facts
  }

  #metadata(entry: FileField): void {
    const { key, value } = this.#entry(entry)
    if (Object.keys(this.#facts.metadata).length < 1000) this.#facts.metadata[key] = value
  }

  #entry(entry: FileField): { readonly key: string; readonly value: string } {
    let key = ''
    let value = ''
    for (const field of this.#file.of(entry.start, entry.end)) {
      if (field.field === 1) key = this.#file.text(field)
      else if (field.field === 2) value = this.#file.text(field, metadataBytesMax)
    }
    return { key, value }
  }

  #function(message: FileField): void {
    for (const field of this.#file.of(message.start, message.end)) {
      if (field.field === 7) this.#node(field, 1)
      else if (field.field === 10) this.#facts.functionDomains.add(this.#file.text(field))
      else if (field.field === 11) this.#attribute(field, 1)
    }
  }

  #graph(message: FileField, depth: number): void {
    if (depth > depthMax) throw new Error(`graphs nested deeper than ${depthMax}`)
    for (const field of this.#file.of(message.start, message.end)) {
      if (field.field === 1) this.#node(field, depth)
      else if (field.field === 5) this.#tensor(field)
      else if (field.field === 15) this.#sparse(field)
    }
  }

  #node(message: FileField, depth: number): void {
    let domain = ''
    let type = ''
    for (const field of this.#file.of(message.start, message.end)) {
      if (field.field === 4) type = this.#file.text(field)
      else if (field.field === 5) this.#attribute(field, depth)
      else if (field.field === 7) domain = this.#file.text(field)
    }
    if (this.#facts.domains.size < listMax) this.#facts.domains.add(domain)
    if (domain === 'ai.onnx.ml' && type === 'ZipMap') this.#facts.hasZipMap = true
  }

  #attribute(message: FileField, depth: number): void {
    for (const field of this.#file.of(message.start, message.end)) {
      switch (field.field) {
        case 5:
        case 10:
          if (field.wireType === 2) this.#tensor(field)
          break
        case 6:
        case 11:
          if (field.wireType === 2) this.#graph(field, depth + 1)
          break
        case 22:
        case 23:
          this.#sparse(field)
          break
        default:
      }
    }
  }

  #sparse(message: FileField): void {
    for (const field of this.#file.of(message.start, message.end)) {
      if (field.field === 1 || field.field === 2) this.#tensor(field)
    }
  }

  #tensor(message: FileField): void {
    let elements = 1
    let type = 0
    let name = ''
    let rawBytes: number | undefined
    let isExternal = false
    const entries: Record<string, string> = Object.create(null) as Record<string, string>
    for (const field of this.#file.of(message.start, message.end)) {
      switch (field.field) {
        case 1:
          elements *= this.#dimensions(field)
          break
        case 2:
          type = field.number
          break
        case 8:
          name = this.#file.text(field, 256)
          break
        case 9:
          rawBytes = field.end - field.start
          break
        case 13: {
          const { key, value } = this.#entry(field)
          entries[key] = value
          break
        }
        case 14:
          isExternal = field.number === 1
          break
        default:
      }
    }
    if (isExternal || entries['location'] !== undefined) this.#external(name, entries)
    else if (rawBytes !== undefined) this.#checkRaw({ name, type, elements, rawBytes })
  }

  /** One dimension, or the product of packed ones. */
  #dimensions(field: FileField): number {
    if (field.wireType === 0) return field.number
    let product = 1
    const bytes = this.#file.bytes(field.start, field.end, 1024)
    for (let at = 0; at < bytes.length;) {
      let value = 0
      for (let scale = 1; at < bytes.length; scale *= 128) {
        const byte = bytes[at++] ?? 0
        value += (byte & 0x7f) * scale
        if (byte < 0x80) break
      }
      product *= value
    }
    return product
  }

  #external(tensor: string, entries: Readonly<Record<string, string>>): void {
    if (this.#facts.external.length >= listMax) throw new Error(`more than ${listMax} external tensors`)
    const length = entries['length']
    this.#facts.external.push({
      tensor,
      location: entries['location'] ?? '',
      offset: Number(entries['offset'] ?? 0),
      length: length === undefined ? undefined : Number(length),
    })
  }

  #checkRaw(tensor: { name: string; type: number; elements: number; rawBytes: number }): void {
    const bits = elementBits[tensor.type]
    if (bits === undefined) return
    if (Math.ceil((tensor.elements * bits) / 8) !== tensor.rawBytes && this.#facts.lies.length < 10)
      this.#facts.lies.push(tensor.name)
  }
}

/** Bits of an element by TensorProto.DataType; strings have no raw form. */
const elementBits: Readonly<Record<number, number>> = {
  1: 32,
  2: 8,
  3: 8,
  4: 16,
  5: 16,
  6: 32,
  7: 64,
  9: 8,
  10: 16,
  11: 64,
  12: 32,
  13: 64,
  14: 64,
  15: 128,
  16: 16,
  17: 8,
  18: 8,
  19: 8,
  20: 8,
  21: 4,
  22: 4,
  23: 4,
}
