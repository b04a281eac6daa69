import { fail } from '../protocol/index.ts'
import type { InferTask, ServedVersion } from '../serving/index.ts'
import { checkAgainstSignature, checkNameLength, TensorError, tensorsMax } from '../tensor/index.ts'
import type { InferCall } from './infer-call.ts'
import { modelParameters } from './model-parameters.ts'
import { taskInputs } from './task-inputs.ts'

export interface AdmitLimits {
  readonly deadlineDefaultMs: number
  readonly deadlineMaxMs: number
}

/** Checks a request against the version that will answer it, and gives it a deadline. Throws what is wrong with it. */
export const admit = (call: InferCall, served: ServedVersion, limits: AdmitLimits, nowMs: number): InferTask => {
  const { signature, config, refuseAboveMaxBatch } = served.facts
  if (call.outputs.length > tensorsMax) {
    const reason = `${call.outputs.length} outputs are asked for; the limit is ${tensorsMax}`
    throw fail('invalid_request', { reason })
  }
  try {
    checkAgainstSignature(call.inputs, signature)
    for (const name of call.outputs) checkNameLength(name)
  } catch (error) {
    if (error instanceof TensorError)
      throw fail('invalid_tensor', { tensor: error.tensor, reason: error.reason }, error)
    throw error
  }
  if (config.maxBatchSize > 0) checkRows(call, refuseAboveMaxBatch ? config.maxBatchSize : Infinity)
  for (const name of call.outputs) {
    if (signature.open !== true && !signature.outputs.some((output) => output.name === name)) {
      throw fail('invalid_request', { reason: `unexpected inference output '${name}' for model '${call.model}'` })
    }
  }
  const deadlineMs = deadlineOf(call, limits)
  if (nowMs >= deadlineMs) {
    throw fail('deadline_exceeded', {
      model: call.model,
      elapsedMs: Math.round(nowMs - call.receivedAtMs),
      where: 'before it was queued',
    })
  }
  return {
    id: call.id || call.requestId || '',
    inputs: taskInputs(call, served.facts.signature),
    parameters: modelParameters(call.parameters, signature.parameters),
    wanted: call.outputs,
    priority: call.priority,
    queueTimeoutMs: call.queueTimeoutMs,
    deadlineMs,
    cancellation: call.cancellation,
  }
}

/** When the caller stops waiting, on the monotonic clock. */
export const deadlineOf = (call: InferCall, limits: AdmitLimits): number =>
  call.receivedAtMs + Math.min(call.timeoutMs ?? limits.deadlineDefaultMs, limits.deadlineMaxMs)

const checkRows = (call: InferCall, rowsMax: number): void => {
  const [first] = call.inputs
  if (first === undefined) return
  const rows = first.shape[0] ?? 0
  for (const input of call.inputs) {
    if (input.shape[0] !== rows) {
      const reason = `input '${input.name}' has ${input.shape[0]} rows but '${first.name}' has ${rows}: a request has one batch size`
      throw fail('invalid_request', { reason })
    }
  }
  if (rows > rowsMax) {
    throw fail('invalid_request', {
      reason: `inference request batch-size must be <= ${rowsMax} for '${call.model}', got ${rows}`,
    })
  }
}
