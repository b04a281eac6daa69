import { didYouMean } from '../../lib/index.ts'
import { ConfigError } from './config-error.ts'
import { configSchema, unusedFields } from './config-schema.ts'
import type { TextField, TextValue } from './text-proto.ts'

/** A configuration as plain data under Triton's names; maps and lists are real ones, numbers are checked. */
export type TreeValue = string | number | boolean | Tree | readonly TreeValue[] | ReadonlyMap<string, TreeValue>
export interface Tree {
  readonly [field: string]: TreeValue
}

export interface ReadTree {
  readonly tree: Tree
  readonly warnings: readonly string[]
}

/** What the reader needs to know of a value, whether it came from text or from JSON. */
interface Source<V> {
  /** undefined when the value isn't a message. */
  fields(value: V): readonly { readonly name: string; readonly value: V; readonly where: string }[] | undefined
  /** undefined when the value isn't of the kind. */
  scalar(value: V, kind: string): string | number | boolean | undefined
  /** The entries of a map field's one occurrence; undefined when it has none. */
  entries(value: V): readonly { readonly key: string; readonly value: V }[] | undefined
  list(value: V): readonly V[]
}

/** Reads a tree by the schema; every problem is reported, with where it is. */
class TreeReader<V> {
  readonly problems: string[] = []
  readonly warnings: string[] = []
  readonly #source: Source<V>

  constructor(source: Source<V>) {
    this.#source = source
  }

  message(value: V, type: string): Tree {
    const schema = configSchema[type] ?? {}
    const tree: Record<string, TreeValue> = {}
    for (const field of this.#source.fields(value) ?? []) {
      const kind = Object.hasOwn(schema, field.name) ? schema[field.name] : undefined
      if (kind === undefined) {
        this.problems.push(
          `${field.where}: unknown field '${field.name}'${didYouMean(field.name, Object.keys(schema))}`,
        )
        continue
      }
      if (unusedFields.has(field.name)) this.warnings.push(`${field.where}: '${field.name}' has no effect here`)
      this.#read(tree, field, kind)
    }
    return tree
  }

  #read(tree: Record<string, TreeValue>, field: { name: string; value: V; where: string }, kind: string): void {
    const map = /^map<(\w+),(\w+)>$/.exec(kind)
    if (map !== null) {
      const into = new Map((tree[field.name] as ReadonlyMap<string, TreeValue> | undefined) ?? [])
      const entries = this.#source.entries(field.value)
      if (entries === undefined) this.problems.push(`${field.where}: '${field.name}' must have keys and values`)
      for (const entry of entries ?? []) {
        const read = this.#one(entry.value, map[2] ?? '', field)
        if (read !== undefined) into.set(entry.key, read)
      }
      tree[field.name] = into
    } else if (kind.endsWith('[]')) {
      const before = (tree[field.name] as readonly TreeValue[] | undefined) ?? []
      const read = this.#source.list(field.value).map((element) => this.#one(element, kind.slice(0, -2), field))
      tree[field.name] = [...before, ...read.filter((element) => element !== undefined)]
    } else {
      const read = this.#one(field.value, kind, field)
      if (read !== undefined) tree[field.name] = read
    }
  }

  #one(value: V, kind: string, field: { name: string; where: string }): TreeValue | undefined {
    if (kind === 'Ignored') return {}
    const isMessage = Object.hasOwn(configSchema, kind)
    if (isMessage && this.#source.fields(value) !== undefined) return this.message(value, kind)
    const scalar = isMessage ? undefined : this.#source.scalar(value, kind)
    if (scalar === undefined)
      this.problems.push(`${field.where}: '${field.name}' must be ${isMessage ? 'a message' : article(kind)}`)
    return scalar
  }
}

const article = (kind: string): string => (/^[aeiou]/.test(kind) ? `an ${kind}` : `a ${kind}`)

const finish = <V>(reader: TreeReader<V>, tree: Tree): ReadTree => {
  if (reader.problems.length > 0) throw new ConfigError(reader.problems)
  return { tree, warnings: reader.warnings }
}

/** Reads a parsed config.pbtxt. */
export const treeOfText = (fields: readonly TextField[]): ReadTree => {
  const reader = new TreeReader<TextValue>(textSource)
  return finish(reader, reader.message({ kind: 'message', fields }, 'ModelConfig'))
}

/** Reads proto3 JSON: names in snake_case or camelCase, 64-bit numbers as strings or numbers. */
export const treeOfJson = (json: unknown): ReadTree => {
  const reader = new TreeReader<unknown>(jsonSource)
  return finish(reader, reader.message(json, 'ModelConfig'))
}

const textSource: Source<TextValue> = {
  fields: (value) =>
    value.kind === 'message'
      ? value.fields.map((field) => ({ name: field.name, value: field.value, where: `line ${field.line}` }))
      : undefined,
  scalar(value, kind) {
    if (value.kind === 'message') return undefined
    if (kind === 'string') return value.kind === 'string' ? value.text : undefined
    if (value.kind === 'string') return undefined
    if (kind === 'enum') return value.text
    if (kind === 'bool') return booleans.get(value.text)
    return wholeNumber(value.text)
  },
  entries(value) {
    if (value.kind !== 'message') return undefined
    const key = value.fields.find((field) => field.name === 'key')?.value
    const entry = value.fields.find((field) => field.name === 'value')?.value
    if (key === undefined || key.kind === 'message' || entry === undefined) return undefined
    return [{ key: key.text, value: entry }]
  },
  list: (value) => [value],
}

const booleans: ReadonlyMap<string, boolean> = new Map([
  ...['true', 'True', 't', '1'].map((word) => [word, true] as const),
  ...['false', 'False', 'f', '0'].map((word) => [word, false] as const),
])

/** Decimal, octal behind a 0, or hexadecimal. */
const wholeNumber = (text: string): number | undefined => {
  const match = /^(-?)(0[0-7]*|[1-9]\d*|0[xX][0-9a-fA-F]+)$/.exec(text)
  if (match === null) return undefined
  const digits = match[2] ?? ''
  const value = Number(/^0[0-7]/.test(digits) ? `0o${digits}` : digits)
  if (!Number.isSafeInteger(value)) return undefined
  return match[1] === '-' ? 0 - value : value
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const snakeCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

const jsonSource: Source<unknown> = {
  fields: (value) =>
    isObject(value)
      ? Object.entries(value)
          .filter(([, field]) => field !== null)
          .map(([name, field]) => ({ name: snakeCase(name), value: field, where: `field '${name}'` }))
      : undefined,
  scalar(value, kind) {
    if (kind === 'string') return typeof value === 'string' ? value : undefined
    if (kind === 'bool') return typeof value === 'boolean' ? value : undefined
    if (kind === 'enum') return typeof value === 'string' || typeof value === 'number' ? value : undefined
    if (typeof value === 'number') return Number.isSafeInteger(value) ? value : undefined
    return typeof value === 'string' ? wholeNumber(value) : undefined
  },
  entries: (value) =>
    isObject(value) ? Object.entries(value).map(([key, entry]) => ({ key, value: entry })) : undefined,
  list: (value) => (Array.isArray(value) ? value : [value]),
}
