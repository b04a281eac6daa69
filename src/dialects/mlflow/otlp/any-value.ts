import type { Attributes } from '../../../registry/index.ts'
import { exactInteger, parseWithSource } from '../json-exact.ts'

/** OpenTelemetry's AnyValue in the JSON of protobuf, with the names of its .proto file. */
const numberValue = (source: string): object =>
  /^-?\d+$/.test(source) ? { int_value: exactInteger(BigInt(source)) } : { double_value: Number(source) }

class Leaf {
  readonly value: object

  constructor(value: object) {
    this.value = value
  }
}

const leaf = (value: unknown, source: string): Leaf => {
  if (typeof value === 'string') return new Leaf({ string_value: value })
  if (typeof value === 'boolean') return new Leaf({ bool_value: value })
  return new Leaf(value === null ? {} : numberValue(source))
}

const assembled = (value: unknown): object => {
  if (value instanceof Leaf) return value.value
  if (Array.isArray(value)) return { array_value: { values: (value as readonly unknown[]).map(assembled) } }
  if (typeof value !== 'object' || value === null) return {}
  return {
    kvlist_value: { values: Object.entries(value).map(([key, each]) => ({ key, value: assembled(each) })) },
  }
}

/** Doubles that JSON has no word for; protobuf's JSON writes them as text. */
const nonFinite = new Set(['NaN', 'Infinity', '-Infinity'])

/** A JSON text as an AnyValue; text that is no JSON stands for itself. */
export const anyValue = (json: string): object => {
  if (nonFinite.has(json)) return { double_value: json }
  const value = parseWithSource(json, leaf)
  return value === undefined ? { string_value: json } : assembled(value)
}

export const keyValues = (attributes: Attributes): object[] =>
  [...attributes].map(([key, json]) => ({ key, value: anyValue(json) }))
