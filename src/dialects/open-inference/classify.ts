import { fail } from '../../protocol/index.ts'
import { encodeStrings, toTypedArray } from '../../tensor/index.ts'
import type { DataType, Tensor, TypedArray } from '../../tensor/index.ts'
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

const unclassified: ReadonlySet<DataType> = new Set(['BYTES', 'BOOL', 'FP16', 'BF16'])

/** Texts are made on the thread that serves everybody. */
const textsMax = 1_000_000

/**
 * Triton's classification extension: of each row, or of the whole output where it has no batch, the k highest values,
 * each as "value:index[:label]", highest first; BYTES of shape [rows, k], or [k]. A k above the number of classes means
 * all.
 */
export const classify = (output: Tensor, k: number, classes: Classes): Tensor => {
  if (unclassified.has(output.datatype))
    throw fail('invalid_request', { reason: `output '${output.name}' of type ${output.datatype} can't be classified` })
  const values = toTypedArray(output)
  const batched = classes.batched && output.shape.length > 0
  const rows = batched ? (output.shape[0] ?? 1) : 1
  const count = rows === 0 ? 0 : values.length / rows
  const kept = Math.min(k, count)
  if (rows * kept > textsMax) {
    const reason = `output '${output.name}' has ${rows * kept} classes to answer with; the limit is ${textsMax}`
    throw fail('invalid_request', { reason })
  }
  const texts: string[] = []
  // Why: rows that hold nothing take no memory, so there may be any number of them.
  for (let row = 0; row < rows && kept > 0; row++) {
    const own = values.subarray(row * count, (row + 1) * count)
    for (const index of highest(own, kept)) {
      const label = classes.labels[index]
      texts.push(`${formatted(output, own[index] ?? 0)}:${index}${label === undefined ? '' : `:${label}`}`)
    }
  }
  return { name: output.name, datatype: 'BYTES', shape: batched ? [rows, kept] : [kept], data: encodeStrings(texts) }
}

/** Where the k highest values are, highest first, equal ones in their order. */
const highest = (values: TypedArray, k: number): number[] => {
  // Why: to sort the numbers alone is native; only the places of the highest are sorted by what is there.
  const ascending = values.slice().sort()
  let numbers = ascending.length
  while (numbers > 0 && Number.isNaN(ascending[numbers - 1])) numbers -= 1
  const least = ascending[numbers - k]
  const above: number[] = []
  const others: number[] = []
  for (let index = 0; index < values.length; index++) {
    const value = values[index] ?? 0
    if (least === undefined ? !Number.isNaN(value) : value > least) above.push(index)
    else if (others.length < k && (least === undefined || value === least)) others.push(index)
  }
  const order = above.concat(others).slice(0, k)
  return order.sort((a, b) => descending(values[a] ?? 0, values[b] ?? 0))
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
