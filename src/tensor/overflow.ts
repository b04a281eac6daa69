import type { DataType } from './datatype.ts'

/**
 * Where finite numbers begin to round to infinity: halfway between the largest value of a type and the power of two
 * above it, since ties go to the even one. A double has no finite number as large for FP64.
 */
const overflowsFrom = {
  FP16: (2 - 2 ** -11) * 2 ** 15,
  BF16: (2 - 2 ** -8) * 2 ** 127,
  FP32: (2 - 2 ** -24) * 2 ** 127,
  FP64: Infinity,
} as const

export type FloatType = Extract<DataType, keyof typeof overflowsFrom>

/** Numbers of this size are too large for the type, unless they are infinite. */
export const overflowOf = (datatype: FloatType): number => overflowsFrom[datatype]

/** Whether a number that isn't infinite would become so. `from` is that of overflowOf. */
export const overflows = (value: number, from: number): boolean =>
  (value >= from || value <= -from) && Number.isFinite(value)
