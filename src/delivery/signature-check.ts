import type { Signature, TensorSpec } from '../tensor/index.ts'
import { contentProblem } from './content-check.ts'

const shapeText = (shape: readonly number[]): string => `[${shape.join(',')}]`

/** Whether whatever fits `narrow` fits `wide`. */
const covers = (wide: readonly number[], narrow: readonly number[]): boolean =>
  wide.length === narrow.length && wide.every((size, index) => size === -1 || size === narrow[index])

const isOptional = (spec: TensorSpec): boolean => spec.optional === true

const inputProblem = (spec: TensorSpec, sent: TensorSpec | undefined): string | undefined => {
  if (sent === undefined) return isOptional(spec) ? undefined : `input '${spec.name}' is required, and is new`
  if (spec.datatype !== sent.datatype) return `input '${spec.name}' takes ${spec.datatype} instead of ${sent.datatype}`
  if (!covers(spec.shape, sent.shape))
    return `input '${spec.name}' takes shape ${shapeText(spec.shape)} instead of ${shapeText(sent.shape)}`
  const content = contentProblem(spec.content, sent.content, true)
  if (content !== undefined) return `input '${spec.name}' takes other values: ${content}`
  return !isOptional(spec) && isOptional(sent) ? `input '${spec.name}' can't be left out any more` : undefined
}

const outputProblem = (read: TensorSpec, given: TensorSpec | undefined): string | undefined => {
  if (given === undefined) return `output '${read.name}' is gone`
  if (read.datatype !== given.datatype) return `output '${read.name}' is ${given.datatype} instead of ${read.datatype}`
  if (!covers(read.shape, given.shape))
    return `output '${read.name}' has shape ${shapeText(given.shape)} instead of ${shapeText(read.shape)}`
  const content = contentProblem(read.content, given.content, false)
  return content === undefined ? undefined : `output '${read.name}' has other values: ${content}`
}

/**
 * Why those who call the incumbent could not go on with the candidate; empty when they can. All that they may send must
 * still be accepted, and all that they read must still come. New optional inputs and new outputs are allowed.
 */
export const signatureProblems = (candidate: Signature, incumbent: Signature): string[] => {
  const sent = new Map(incumbent.inputs.map((spec) => [spec.name, spec]))
  const taken = new Set(candidate.inputs.map(({ name }) => name))
  const given = new Map(candidate.outputs.map((spec) => [spec.name, spec]))
  return [
    ...candidate.inputs.map((spec) => inputProblem(spec, sent.get(spec.name))),
    ...incumbent.inputs.map(({ name }) => (taken.has(name) ? undefined : `input '${name}' is not taken any more`)),
    ...incumbent.outputs.map((read) => outputProblem(read, given.get(read.name))),
  ].filter((problem) => problem !== undefined)
}
