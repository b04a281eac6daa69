import { fail } from '../protocol/index.ts'
import type { Tensor } from '../tensor/index.ts'

/**
 * How a model that MLflow saved answered, for doors that answer as MLflow's scoring server does: tensors don't tell a
 * table of one column from a list. A result frame has the form and the names where a run frame has the wanted outputs.
 *
 *   array    one tensor, as nested lists
 *   rows     a tensor a column, as a list of lists
 *   records  a tensor a column, or one of all the columns, as a list of objects
 *   dict     an object of tensors
 *   json     JSON beside the tensors, for what they don't hold: a text for all of it, or one a row
 *
 * A host runs the model's own code, so none of this is to be relied on.
 */
export interface Predictions {
  readonly form: string
  /** Of the columns, where they aren't those of the tensors. */
  readonly names: readonly string[]
  readonly json: Tensor | undefined
  /** Marks of what the tensors have no value for, by the names of those; what they have there instead means nothing. */
  readonly nulls: readonly Tensor[]
}

/** The name of the tensor that holds the JSON. */
export const predictionsJson = '\0predictions'

const nullSuffix = '\0null'

/** Of the tensors of a result, what lies beside its outputs. */
export const isBesideOutputs = ({ name }: Tensor): boolean => name === predictionsJson || name.endsWith(nullSuffix)

export const nullsAmong = (tensors: readonly Tensor[]): readonly Tensor[] =>
  tensors
    .filter(({ name }) => name.endsWith(nullSuffix))
    .map((marks) => ({ ...marks, name: marks.name.slice(0, -nullSuffix.length) }))

/** Why the tensors of an answer aren't all of it; undefined when they are. */
export const nullProblem = (nulls: readonly Tensor[]): string | undefined => {
  for (const { name, data } of nulls) {
    const at = data.indexOf(1)
    if (at >= 0) return `output '${name}' is null at position ${at}, which its datatype can't say`
  }
  return undefined
}

/** For those who see the tensors alone: fails where they lack a value. */
export const requireValues = (model: string, predictions: Predictions | undefined): void => {
  const reason = nullProblem(predictions?.nulls ?? [])
  if (reason !== undefined) throw fail('model_failed', { model, reason: `its ${reason}` })
}
