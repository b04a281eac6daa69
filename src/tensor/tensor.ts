import type { DataType } from './datatype.ts'

/**
 * A named array in one canonical form, the protocol's binary form: little-endian, row-major, and for BYTES each
 * element as a 4-byte little-endian length followed by its bytes. Rows (index 0 of `shape`) are therefore
 * contiguous: joining and splitting batches joins and splits bytes, and a binary request is never re-encoded.
 *
 * `data` may start at any offset of its buffer (unaligned); treat it as read-only and shared.
 */
export interface Tensor {
  readonly name: string
  readonly datatype: DataType
  readonly shape: readonly number[]
  readonly data: Uint8Array
}

/** Name, type and shape of one input or output as a model declares it; -1 is a dimension of any size. */
export interface TensorSpec {
  readonly name: string
  readonly datatype: DataType
  readonly shape: readonly number[]
  /** Whether a request may leave the input out. */
  readonly optional?: boolean
  /** What the elements of BYTES are, where the model says: a type as MLflow writes it, which is only compared. */
  readonly content?: unknown
}

/** Named, typed, shaped inputs and outputs of a model version. */
export interface Signature {
  readonly inputs: readonly TensorSpec[]
  readonly outputs: readonly TensorSpec[]
  /** The model checks its inputs itself, by rules of its own; what is listed here only describes them, and may be nothing. */
  readonly open?: boolean
  /** The model itself reads bodies of the scoring protocol that tensors can't carry. */
  readonly readsBodies?: boolean
  /** Names of the request parameters that the model takes. */
  readonly parameters?: readonly string[]
}
