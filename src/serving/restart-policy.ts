import { backoffMs } from '../lib/index.ts'

export interface RestartOptions {
  readonly crashesMax: number
  readonly crashWindowMs: number
  readonly backoffFirstMs: number
  readonly backoffMaxMs: number
}

export type RestartStep =
  | { readonly kind: 'restart'; readonly afterMs: number; readonly recent: readonly number[] }
  | { readonly kind: 'quarantine'; readonly recent: readonly number[] }

/**
 * What follows a crash at `nowMs`, given the times of earlier ones: a restart, after a growing, jittered pause unless it
 * is the only one of late, or quarantine once `crashesMax` of them lie within `crashWindowMs`.
 */
export const afterCrash = (
  earlier: readonly number[],
  nowMs: number,
  options: RestartOptions,
  random: { next(): number },
): RestartStep => {
  const recent = [...earlier, nowMs].filter((at) => nowMs - at < options.crashWindowMs)
  if (recent.length >= options.crashesMax) return { kind: 'quarantine', recent }
  // Why at once: one request that took its host down must not cost the others more than a start.
  if (recent.length === 1) return { kind: 'restart', afterMs: 0, recent }
  const pause = { firstMs: options.backoffFirstMs, maxMs: options.backoffMaxMs }
  return { kind: 'restart', afterMs: backoffMs(recent.length - 2, pause, random), recent }
}
