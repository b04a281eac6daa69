/** The type of one value, as MLflow's signatures have it. */
export type ValueType =
  /** boolean, integer, long, float, double, string, binary, datetime, sparkml_vector. */
  | { readonly kind: 'scalar'; readonly name: string }
  | { readonly kind: 'any' }
  | { readonly kind: 'array'; readonly items: ValueType }
  | { readonly kind: 'map'; readonly values: ValueType }
  | { readonly kind: 'object'; readonly properties: readonly Property[] }

export interface Property {
  readonly name: string
  readonly type: ValueType
  readonly required: boolean
}

/** Columns and tensors without a name go by their place. */
export interface Column {
  readonly name: string | undefined
  readonly type: ValueType
  readonly required: boolean
}

export interface TensorSpec {
  readonly name: string | undefined
  readonly dtype: string
  /** -1 for a dimension of any size. */
  readonly shape: readonly number[]
}

export type ModelSchema =
  | { readonly kind: 'columns'; readonly columns: readonly Column[] }
  | { readonly kind: 'tensors'; readonly tensors: readonly TensorSpec[] }

/** Params all have a default, so that callers may leave them out. */
export interface SignatureParam {
  readonly name: string
  readonly type: ValueType
  readonly isList: boolean
}

/** What a model takes and gives. */
export interface ModelSignature {
  /** Undefined where the signature doesn't say. */
  readonly inputs: ModelSchema | undefined
  readonly outputs: ModelSchema | undefined
  readonly params: readonly SignatureParam[]
}
