import type { JsonValue, TensorSpec } from '../tensor/index.ts'

export interface WarmupInputSpec {
  readonly datatype: TensorSpec['datatype']
  readonly shape: readonly number[]
  readonly values: JsonValue
}

/** model.yaml, read and found right. */
export interface ModelSpec {
  readonly model: string
  readonly name: string
  readonly version?: number
  readonly signature?: { readonly inputs?: readonly TensorSpec[]; readonly outputs?: readonly TensorSpec[] }
  readonly preprocess?: string
  readonly postprocess?: string
  readonly resources?: {
    readonly instances?: number
    readonly threads?: number
    readonly memory?: number
    readonly requirements?: readonly string[]
  }
  readonly batching?: { readonly rows: number }
  readonly warmup?: readonly {
    readonly inputs: Readonly<Record<string, WarmupInputSpec>>
    readonly count?: number
  }[]
  readonly metadata?: Readonly<Record<string, string>>
}
