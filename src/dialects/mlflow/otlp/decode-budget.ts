import { fail } from '../../../protocol/index.ts'

/** Most of each in one request; a collector sends some thousand spans at once. */
export const otlpLimits = {
  spans: 50_000,
  /** Values, events and links of all spans and resources, nested ones included. */
  values: 2_000_000,
  /** Values within values. */
  depth: 32,
} as const

/** Counts what a request holds while it is decoded. */
export class DecodeBudget {
  #values = 0

  /** Fails with `invalid_parameter` once there are too many. */
  take(): void {
    if (++this.#values > otlpLimits.values)
      throw fail('invalid_parameter', { reason: `the request holds more than ${otlpLimits.values} values` })
  }

  /** Fails with `invalid_parameter` for values nested too deep. */
  enter(depth: number): void {
    this.take()
    if (depth > otlpLimits.depth)
      throw fail('invalid_parameter', { reason: `attributes nest deeper than ${otlpLimits.depth} levels` })
  }
}

export const requireSpanCount = (count: number): void => {
  if (count > otlpLimits.spans)
    throw fail('invalid_parameter', { reason: `the request holds more than ${otlpLimits.spans} spans` })
}
