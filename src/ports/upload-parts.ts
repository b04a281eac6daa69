import { fail } from '../protocol/index.ts'
import type { UploadPart } from './blob-store.ts'

/** Most parts of one upload; S3 has the same bound. */
export const uploadPartsMax = 10_000

export const requirePartNumber = (number: number): void => {
  if (!Number.isInteger(number) || number < 1 || number > uploadPartsMax)
    throw fail('invalid_parameter', { reason: `The number of a part is 1 to ${uploadPartsMax}, got ${number}.` })
}

/** Fails with `invalid_parameter` unless there are parts, each once, in the order of their numbers. */
export const requireParts = (parts: readonly UploadPart[]): void => {
  if (parts.length === 0 || parts.length > uploadPartsMax)
    throw fail('invalid_parameter', { reason: `An upload has 1 to ${uploadPartsMax} parts, got ${parts.length}.` })
  let last = 0
  for (const { number } of parts) {
    requirePartNumber(number)
    if (number <= last)
      throw fail('invalid_parameter', {
        reason: `Part ${number} comes after part ${last}; each is given once, in order.`,
      })
    last = number
  }
}
