import { fail } from '../../protocol/index.ts'
import { encodeStrings, toTypedArray } from '../../tensor/index.ts'
import type { Tensor } from '../../tensor/index.ts'
import type { VersionFacts } from '../../serving/index.ts'

/** What a model says of the classes of an output. */
export interface Classes {
  readonly labels: readonly string[]
  /** Whether the first dimension is a batch. */
  readonly batched: boolean
}

/** Of the version that answered, as far as it is known. */
export const classesOf = (facts: VersionFacts | undefined, output: string): Classes => ({
  labels: facts?.labels.get(output) ?? [],
  batched: facts === undefined || facts.config.maxBatchSize > 0,
})

/**
 * Triton's classification extension: of each row, or of the whole output where it has no batch, the k highest values,
 * each as "value:index[:label]", highest first; BYTES of shape [rows, k], or [k]. A k above the number of classes means
 * all.
 */
export const classify = (output: Tensor, k: number, classes: Classes): Tensor => {
  if (
    output.datatype === 'BYTES' ||
    output.datatype === 'BOOL' ||
    output.datatype === 'FP16' ||
    output.datatype === 'BF16'
  ) {
    throw fail('invalid_request', { reason: `output '${output.name}' of type ${output.datatype} can't be classified` })
  }
  const values = toTypedArray(output)
  const batched = classes.batched && output.shape.length > 0
  const rows = batched ? (output.shape[0] ?? 1) : 1
  const count = rows === 0 ? 0 : values.length / rows
  const kept = Math.min(k, count)
  const texts: string[] = []
  for (let row = 0; row < rows; row++) {
    const order = Array.from({ length: count }, (_, index) => index)
    const at = (index: number): number | bigint => values[row * count + index] ?? 0
    order.sort((a, b) => descending(at(a), at(b)))
    for (const index of order.slice(0, kept)) {
      const label = classes.labels[index]
      texts.push(`${formatted(output, at(index))}:${index}${label === undefined ? '' : `:${label}`}`)
    }
  }
  return { name: output.name, datatype: 'BYTES', shape: batched ? [rows, kept] : [kept], data: encodeStrings(texts) }
}

/** NaN comes last. */
const descending = (a: number | bigint, b: number | bigint): number => {
  if (a > b) return -1
  if (a < b) return 1
  return Number(Number.isNaN(a)) - Number(Number.isNaN(b))
}

/** Triton prints floats with six digits behind the point. */
const formatted = (output: Tensor, value: number | bigint): string =>
  output.datatype === 'FP32' || output.datatype === 'FP64' ? Number(value).toFixed(6) : String(value)
