export interface BackoffOptions {
  readonly firstMs: number
  readonly maxMs: number
}

/** Exponential backoff with full jitter (AWS Architecture Blog, 2015): attempt 0 waits up to `firstMs`, each further one up to twice as long. */
export const backoffMs = (attempt: number, options: BackoffOptions, random: { next(): number }): number =>
  Math.round(random.next() * Math.min(options.maxMs, options.firstMs * 2 ** Math.min(attempt, 30)))
