import type { Parameters, ParameterValue } from '../../gateway/index.ts'
import { fail } from '../../protocol/index.ts'
import type { JsonValue } from '../../tensor/index.ts'
import { isObject, own } from './frame.ts'

/** The `params` of a body; null is a parameter left out. MLflow ignores what is no object for a model without any. */
export const readParams = (json: JsonValue, parametric: boolean): Parameters => {
  const given = isObject(json) ? own(json, 'params') : undefined
  const params = new Map<string, ParameterValue | readonly ParameterValue[]>()
  if (!isObject(given)) {
    if (!parametric || given === undefined || given === null) return params
    const got = Array.isArray(given) ? 'list' : typeof given
    throw fail('invalid_parameter', { reason: `Parameters must be a dictionary. Got type '${got}'.` })
  }
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
