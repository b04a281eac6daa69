import type { ParameterValue } from '../../gateway/index.ts'
import { fail } from '../../protocol/index.ts'

/** What the reserved parameters of a request ask for. */
export interface InferOptions {
  readonly priority: number
  readonly queueTimeoutMs: number
  /** Tell in the reply why the request waited. */
  readonly explain: boolean
}

const wholeNumber = (parameters: ReadonlyMap<string, ParameterValue>, name: string): number => {
  const value = parameters.get(name)
  if (value === undefined) return 0
  const number = typeof value === 'boolean' ? Number.NaN : Number(value)
  if (!Number.isSafeInteger(number) || number < 0) {
    throw fail('invalid_request', { reason: `parameter '${name}' must be a whole number from 0` })
  }
  return number
}

const plain: InferOptions = { priority: 0, queueTimeoutMs: 0, explain: false }

/** Reads the parameters that Triton reserves (`priority`, `timeout` in microseconds) and Slipway's own; others are the model's business. */
export const inferOptions = (parameters: ReadonlyMap<string, ParameterValue>): InferOptions => {
  if (parameters.size === 0) return plain
  for (const name of parameters.keys()) {
    if (name.startsWith('triton_') && name !== 'triton_enable_empty_final_response') {
      throw fail('invalid_request', { reason: `parameter '${name}' is reserved` })
    }
  }
  return {
    priority: wholeNumber(parameters, 'priority'),
    queueTimeoutMs: wholeNumber(parameters, 'timeout') / 1000,
    explain: parameters.get('slipway_explain') === true,
  }
}
