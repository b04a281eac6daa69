import { fail } from '../../protocol/index.ts'

/** Rows a page: the default when none are asked for; MLflow refuses sizes out of bounds rather than cutting them. */
export const pageSize = (
  asked: number | undefined,
  bounds: { readonly default: number; readonly max: number },
): number => {
  if (asked === undefined) return bounds.default
  if (asked >= 1 && asked <= bounds.max) return asked
  throw fail('invalid_parameter', {
    reason: `Invalid value ${asked} for parameter 'max_results' supplied. It must be at most ${bounds.max} and at least 1.`,
  })
}
