import type { Parameters, ParameterValue } from './infer-call.ts'

/** The parameters that a model takes of those a request has, as JSON in the model's order; empty when there are none. */
export const modelParameters = (given: Parameters | undefined, taken: readonly string[] | undefined): string => {
  if (given === undefined || given.size === 0 || taken === undefined) return ''
  const fields = taken.flatMap((name) => {
    const value = given.get(name)
    return value === undefined ? [] : [`${JSON.stringify(name)}:${toJson(value)}`]
  })
  return fields.length === 0 ? '' : `{${fields.join(',')}}`
}

/** Whole numbers keep their digits. */
const toJson = (value: ParameterValue | readonly ParameterValue[]): string =>
  typeof value === 'bigint'
    ? String(value)
    : typeof value === 'object'
      ? `[${value.map(toJson).join(',')}]`
      : JSON.stringify(value)
