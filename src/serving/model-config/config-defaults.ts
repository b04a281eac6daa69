import { isDeepStrictEqual } from 'node:util'
import { fieldRow, messageOf } from './config-fields.ts'
import { configEnums, configSchema, oneOfFields } from './config-schema.ts'
import type { Tree, TreeValue } from './tree.ts'

/** What a field means that isn't written (proto3); undefined for a message and for one of a choice, which can be absent. */
export const defaultOf = (message: string, field: string): TreeValue | undefined => {
  const kind = configSchema[message]?.[field] ?? ''
  if (kind.startsWith('map<')) return new Map()
  if (kind.endsWith('[]')) return []
  if (oneOfFields[message]?.includes(field) === true || messageOf(kind) !== undefined || kind === 'Ignored')
    return undefined
  const [first] = configEnums[kind] ?? []
  if (first !== undefined) return first
  return kind === 'string' ? '' : kind === 'bool' ? false : 0
}

/** What messages mean that aren't written, where that is more than their fields' defaults. */
const unwritten: Readonly<Record<string, Tree>> = { PinnedMemory: { enable: true } }

/** What Triton's clients see of `optimization` when nothing of it is written. */
export const unwrittenOptimization: Tree = {
  input_pinned_memory: { enable: true },
  output_pinned_memory: { enable: true },
}

/** Whether a field's value is the one it has when it isn't written. A message never is. */
const isDefault = (message: string, field: string, value: TreeValue): boolean => {
  if (value instanceof Map) return value.size === 0
  if (Array.isArray(value)) return value.length === 0
  return typeof value !== 'object' && value === defaultOf(message, field)
}

/** A tree of a message without the fields that have their defaults, at every depth. */
const withoutDefaults = (message: string, tree: Tree): Tree =>
  Object.fromEntries(
    Object.entries(tree)
      .filter(([field, value]) => !isDefault(message, field, value))
      .map(([field, value]) => [field, bare(messageOf(configSchema[message]?.[field] ?? ''), value)]),
  )

const bare = (message: string | undefined, value: TreeValue): TreeValue => {
  if (message === undefined || typeof value !== 'object') return value
  if (value instanceof Map) return new Map([...value].map(([key, entry]) => [key, bare(message, entry)]))
  if (Array.isArray(value)) return value.map((element: TreeValue) => bare(message, element))
  return withoutDefaults(message, value as Tree)
}

/** Whether a field as written differs from one that isn't; a message that holds nothing but defaults doesn't. */
export const saysSomething = (message: string, field: string, value: TreeValue): boolean => {
  if (isDefault(message, field, value)) return false
  const kind = configSchema[message]?.[field] ?? ''
  if (messageOf(kind) === undefined || value instanceof Map || Array.isArray(value)) return true
  return !isDeepStrictEqual(withoutDefaults(kind, value as Tree), unwritten[kind] ?? {})
}

/** The fields of a message that are shown as they were written and have no effect, defaults left out. */
export const keptFields = (message: string, tree: Tree): Tree =>
  withoutDefaults(
    message,
    Object.fromEntries(Object.entries(tree).filter(([field]) => fieldRow(message, field)?.use === 'kept')),
  )
