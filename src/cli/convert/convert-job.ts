/** What the Python program is asked for; see python/slipway_convert/convert.py. */
export interface ConvertJob {
  readonly source: string
  readonly flavor: string
  readonly facts: Readonly<Record<string, unknown>>
  readonly signature: readonly unknown[] | null
  readonly example: string | null
  readonly sample: string | null
  readonly label: string | null
  readonly inputs: readonly NetworkInput[] | null
  readonly rows: number
  readonly seed: number
  readonly tolerance: number
  readonly agreement: number
  readonly opset: number | null
  readonly quantize: string | null
  readonly output: string
  readonly result: string
  readonly limits: { readonly memoryBytes: number; readonly fileBytes: number }
}

/** An input of a network that doesn't tell its own. */
export interface NetworkInput {
  readonly name: string
  /** In NumPy's words. */
  readonly dtype: string
  readonly shape: readonly number[]
}

/** How far two models lie apart on some rows. */
export interface Comparison {
  readonly name?: string
  readonly rows: number
  readonly maxAbsolute: number
  readonly maxRelative: number
  /** Rows beyond the tolerance. */
  readonly beyond: number
  readonly labelsAgree?: number
  readonly labelsDiffer?: number
  readonly ties?: number
}

export interface Metric {
  readonly name: string
  readonly value: number
  readonly original: number
}

export interface Measured {
  readonly bytes: number
  readonly oneRowMs: number
  readonly batchMs: number
  readonly batchRows: number
  readonly metric?: Metric
  readonly total: Comparison
}

export interface TensorFacts {
  readonly name: string
  readonly type: string
  readonly shape: readonly number[]
}

/** What the Python program answers. */
export interface Converted {
  readonly inputs: string
  readonly estimator: string
  readonly kind: string
  /** What was tried before and fell short. */
  readonly attempts: readonly { readonly inputs: string; readonly problem: string }[]
  readonly groups: readonly Comparison[]
  readonly total: Comparison
  readonly metric?: Metric
  readonly quantized?: { readonly how: string; readonly before: Measured; readonly after: Measured }
  readonly opsets: Readonly<Record<string, number>>
  readonly operators: Readonly<Record<string, number>>
  readonly irVersion: number
  readonly signature: { readonly inputs: readonly TensorFacts[]; readonly outputs: readonly TensorFacts[] }
  readonly python: string
  readonly packages: Readonly<Record<string, string>>
}
