import { didYouMean } from '../../lib/index.ts'
import { saysSomething } from './config-defaults.ts'
import { fieldRow } from './config-fields.ts'
import { configEnums, configSchema, integerRanges, oneOfFields, typedMessages } from './config-schema.ts'
import type { ScalarKind } from './config-schema.ts'
import { jsonSource, textSource } from './config-source.ts'
import type { ConfigSource, SourceField } from './config-source.ts'
import type { TextField } from './text-proto.ts'
import type { Tree, TreeValue } from './tree.ts'

export interface ReadTree {
  readonly tree: Tree
  /** What keeps the tree from being used, each with where it is. */
  readonly problems: readonly string[]
  readonly warnings: readonly string[]
}

/** Who has this many problems to mend doesn't miss the rest; the bound keeps a large wrong text from a larger answer. */
const problemsMax = 100

/** Reads a parsed config.pbtxt. */
export const treeOfText = (fields: readonly TextField[]): ReadTree => readTree(textSource, { kind: 'message', fields })

/** Reads proto3 JSON. */
export const treeOfJson = (json: unknown): ReadTree => readTree(jsonSource, json)

const readTree = <V>(source: ConfigSource<V>, value: V): ReadTree => {
  const reader = new TreeReader(source)
  const tree = reader.message(value, 'ModelConfig', 'ModelConfig')
  return { tree, problems: reader.problems, warnings: reader.warnings }
}

const at = (where: string, text: string): string => (where === '' ? text : `${where}: ${text}`)

/** Reads a tree by the schema; every problem is noted, with where it is. */
class TreeReader<V> {
  readonly problems: string[] = []
  readonly warnings: string[] = []
  readonly #source: ConfigSource<V>

  constructor(source: ConfigSource<V>) {
    this.#source = source
  }

  message(value: V, type: string, where: string): Tree {
    const schema = configSchema[type] ?? {}
    const fields = this.#source.fields(value) ?? []
    const tree = new Map<string, TreeValue>()
    for (const field of fields) {
      if (this.problems.length >= problemsMax) break
      const kind = Object.hasOwn(schema, field.name) ? schema[field.name] : undefined
      if (kind === undefined) {
        this.#problem(field, `unknown field '${field.name}'${didYouMean(field.name, Object.keys(schema))}`)
      } else this.#field(tree, field, { message: type, kind })
    }
    const typed = fields.some((field) => field.name === 'data_type') && tree.get('data_type') !== 'TYPE_INVALID'
    if (typedMessages.has(type) && !typed) this.problems.push(`${where} has no data_type`)
    const rivals = (oneOfFields[type] ?? []).filter((name) => tree.has(name))
    if (rivals.length > 1) this.problems.push(`${where} has ${rivals.join(' and ')}; only one of them can be`)
    return Object.fromEntries(tree)
  }

  #problem(field: { readonly where: string }, text: string): void {
    this.problems.push(at(field.where, text))
  }

  #field(
    tree: Map<string, TreeValue>,
    field: SourceField<V>,
    { message, kind }: { readonly message: string; readonly kind: string },
  ): void {
    const before = this.warnings.length
    if (kind.startsWith('map<')) this.#map(tree, field, kind)
    else if (kind.endsWith('[]')) this.#list(tree, field, kind.slice(0, -2))
    else if (tree.has(field.name)) this.#problem(field, `'${field.name}' is written twice`)
    else {
      const read = this.#one(field.value, kind, field)
      if (read !== undefined) tree.set(field.name, read)
    }
    const row = fieldRow(message, field.name)
    if (row === undefined || row.use === 'honoured') return
    // What such a field holds is not worth a warning of its own.
    this.warnings.length = before
    const read = tree.get(field.name)
    if (read === undefined || !saysSomething(message, field.name, read)) return
    if (row.use === 'refused') this.#problem(field, `'${field.name}' is not supported: ${row.text}`)
    else this.#warn(at(field.where, `'${field.name}' has no effect here: ${row.text}`))
  }

  /** The elements of a list come as fields of their own; one warning does for those of a line. */
  #warn(text: string): void {
    if (this.warnings.length < problemsMax && this.warnings.at(-1) !== text) this.warnings.push(text)
  }

  #map(tree: Map<string, TreeValue>, field: SourceField<V>, kind: string): void {
    const [, keyKind = '', valueKind = ''] = /^map<(\w+),(\w+)>$/.exec(kind) ?? []
    const into = (tree.get(field.name) as Map<string, TreeValue> | undefined) ?? new Map<string, TreeValue>()
    const entries = this.#source.entries(field.value)
    if (entries === undefined) this.#problem(field, `'${field.name}' must have keys and values`)
    for (const entry of entries ?? []) {
      if (this.problems.length >= problemsMax) break
      const key = this.#one(entry.key, keyKind, { name: `${field.name}.key`, where: field.where })
      const read = this.#one(entry.value, valueKind, field)
      if (key !== undefined && read !== undefined) into.set(String(key), read)
    }
    tree.set(field.name, into)
  }

  #list(tree: Map<string, TreeValue>, field: SourceField<V>, kind: string): void {
    const into = (tree.get(field.name) as TreeValue[] | undefined) ?? []
    for (const element of this.#source.list(field.value)) {
      if (this.problems.length >= problemsMax) break
      const read = this.#one(element, kind, field)
      if (read !== undefined) into.push(read)
    }
    tree.set(field.name, into)
  }

  #one(value: V, kind: string, field: { readonly name: string; readonly where: string }): TreeValue | undefined {
    if (kind === 'Ignored') return {}
    if (Object.hasOwn(configSchema, kind)) {
      if (this.#source.fields(value) !== undefined) return this.message(value, kind, at(field.where, `'${field.name}'`))
      this.#problem(field, `'${field.name}' must be a message`)
      return undefined
    }
    const names = configEnums[kind]
    if (names !== undefined) return this.#enum(value, names, field)
    const range = integerRanges[kind]
    const scalar = this.#source.scalar(value, range === undefined ? (kind as ScalarKind) : 'integer')
    const inRange = range === undefined || (typeof scalar === 'number' && scalar >= range[0] && scalar <= range[1])
    if (scalar !== undefined && inRange) return scalar
    const wanted = range === undefined ? `a ${kind}` : `an integer from ${range[0]} to ${range[1]}`
    this.#problem(field, `'${field.name}' must be ${wanted}`)
    return undefined
  }

  #enum(
    value: V,
    names: readonly string[],
    field: { readonly name: string; readonly where: string },
  ): string | undefined {
    const written = this.#source.scalar(value, 'enum')
    const name = typeof written === 'number' ? names[written] : names.find((known) => known === written)
    if (name === undefined) {
      const text = written === undefined ? '' : `; '${String(written).slice(0, 100)}' is none`
      const near = typeof written === 'string' ? didYouMean(written, names) : ''
      this.#problem(field, `'${field.name}' must be one of ${names.join(', ')}${near || text}`)
    }
    return name
  }
}
