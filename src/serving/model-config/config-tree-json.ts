import { defaultOf } from './config-defaults.ts'
import { configSchema } from './config-schema.ts'
import type { Tree, TreeValue } from './tree.ts'

/** A tree as proto3 JSON under Triton's names, with the fields that aren't written at their defaults. */
export const messageJson = (message: string, tree: Tree): Record<string, unknown> => {
  const json: Record<string, unknown> = {}
  for (const [field, kind] of Object.entries(configSchema[message] ?? {})) {
    const value = tree[field] ?? defaultOf(message, field)
    if (value !== undefined) json[field] = valueJson(kind, value)
  }
  return json
}

const valueJson = (kind: string, value: TreeValue): unknown => {
  if (value instanceof Map) {
    const [, inner = ''] = /^map<\w+,(\w+)>$/.exec(kind) ?? []
    return Object.fromEntries([...value].map(([key, entry]) => [key, valueJson(inner, entry)]))
  }
  if (Array.isArray(value)) return value.map((element: TreeValue) => valueJson(kind.slice(0, -2), element))
  if (typeof value === 'object') return messageJson(kind, value as Tree)
  // JSON has no numbers of 64 bits that every reader keeps, and none for infinity: both are strings.
  if (typeof value === 'number' && (kind === 'int64' || kind === 'uint64' || !Number.isFinite(value)))
    return String(value)
  return value
}
