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
}

/** The name of the tensor that holds the JSON. */
export const predictionsJson = '\0predictions'
