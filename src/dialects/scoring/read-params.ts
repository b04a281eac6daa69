import type { Parameters, ParameterValue } from '../../gateway/index.ts'
import { fail } from '../../protocol/index.ts'
import type { JsonValue } from '../../tensor/index.ts'
import { isObject, own } from './frame.ts'

/** The `params` of a body; MLflow ignores them when they are no object, and null is a parameter left out. */
export const readParams = (json: JsonValue): Parameters => {
  const given = isObject(json) ? own(json, 'params') : undefined
  const params = new Map<string, ParameterValue | readonly ParameterValue[]>()
  if (!isObject(given)) return params
  for (const [name, value] of Object.entries(given)) {
    if (value === null) continue
    params.set(name, Array.isArray(value) ? value.map((item) => readValue(name, item)) : readValue(name, value))
  }
  return params
}

const readValue = (name: string, value: JsonValue): ParameterValue => {
  if (value !== null && typeof value !== 'object') return value
  const reason = `parameter '${name.slice(0, 100)}' must be a text, a number, a truth value, or a list of these`
  throw fail('invalid_parameter', { reason })
}
