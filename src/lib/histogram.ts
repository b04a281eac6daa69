/** Linear steps in each power of two: a percentile is at most 1/128 (0.8 %) off. */
const stepBits = 7
const steps = 1 << stepBits
/** Values are kept in whole microseconds of 32 bits, so the largest distinguishable value is about 71 minutes. */
const unitsMax = 2 ** 32 - 1
const unitsPerMs = 1000
const bucketCount = steps * (32 - stepBits + 1)

const bucketOf = (units: number): number => {
  if (units < steps) return units
  const octave = 31 - Math.clz32(units) - stepBits
  return octave * steps + Math.floor(units / 2 ** octave)
}

/** The middle of a bucket in units; buckets below `steps` hold one whole unit each. */
const middleOf = (bucket: number): number => {
  if (bucket < steps) return bucket
  const octave = Math.floor(bucket / steps) - 1
  return (steps + (bucket % steps) + 0.5) * 2 ** octave
}

/** A histogram as plain data, to pass between processes; `buckets` lists [bucket, count] of those not empty. */
export interface HistogramData {
  readonly buckets: readonly (readonly [number, number])[]
  readonly minMs: number
  readonly maxMs: number
  readonly sumMs: number
}

/**
 * Durations in milliseconds by frequency, in log-linear buckets (the idea of HdrHistogram): one microsecond of
 * resolution below 0.128 ms, 0.8 % above, in a fixed 26 KiB however many values are recorded.
 */
export class Histogram {
  readonly #counts = new Float64Array(bucketCount)
  #count = 0
  #minMs = Infinity
  #maxMs = 0
  #sumMs = 0

  static from(data: HistogramData): Histogram {
    const histogram = new Histogram()
    for (const [bucket, count] of data.buckets) {
      if (!Number.isInteger(bucket) || bucket < 0 || bucket >= bucketCount || !(count >= 0)) {
        throw new RangeError(`not a histogram bucket: ${bucket}`)
      }
      histogram.#add(bucket, count)
    }
    histogram.#include(data)
    return histogram
  }

  /** Middle of each bucket that is not empty, in ms, with its count; ascending. */
  *entries(): Generator<readonly [valueMs: number, count: number]> {
    for (let bucket = 0; bucket < bucketCount; bucket++) {
      const count = this.#counts[bucket] ?? 0
      if (count > 0) yield [middleOf(bucket) / unitsPerMs, count]
    }
  }

  get count(): number {
    return this.#count
  }

  /** 0 when nothing is recorded, like `max` and `mean`. */
  get min(): number {
    return this.#count === 0 ? 0 : this.#minMs
  }

  get max(): number {
    return this.#maxMs
  }

  get mean(): number {
    return this.#count === 0 ? 0 : this.#sumMs / this.#count
  }

  /** Negative values count as 0; values that aren't numbers are a caller's mistake. */
  record(valueMs: number): void {
    if (Number.isNaN(valueMs)) throw new RangeError('a duration must be a number')
    const value = Math.max(0, valueMs)
    this.#add(bucketOf(Math.min(unitsMax, Math.round(value * unitsPerMs))), 1)
    this.#include({ minMs: value, maxMs: value, sumMs: value })
  }

  /** The smallest recorded value, within the resolution, that `p` percent of the values don't exceed; 0 when empty. */
  percentile(p: number): number {
    if (!(p >= 0 && p <= 100)) throw new RangeError('a percentile is between 0 and 100')
    const rank = Math.max(1, Math.ceil((p / 100) * this.#count))
    if (rank >= this.#count) return this.#maxMs
    let seen = 0
    for (let bucket = 0; bucket < bucketCount; bucket++) {
      seen += this.#counts[bucket] ?? 0
      if (seen >= rank) return Math.min(this.#maxMs, Math.max(this.#minMs, middleOf(bucket) / unitsPerMs))
    }
    return this.#maxMs
  }

  /** Adds everything that `other` holds. */
  merge(other: Histogram): void {
    other.#counts.forEach((count, bucket) => this.#add(bucket, count))
    this.#include({ minMs: other.#minMs, maxMs: other.#maxMs, sumMs: other.#sumMs })
  }

  toData(): HistogramData {
    const buckets: [number, number][] = []
    this.#counts.forEach((count, bucket) => {
      if (count > 0) buckets.push([bucket, count])
    })
    return { buckets, minMs: this.#minMs, maxMs: this.#maxMs, sumMs: this.#sumMs }
  }

  #add(bucket: number, count: number): void {
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + count
    this.#count += count
  }

  #include(range: Omit<HistogramData, 'buckets'>): void {
    this.#minMs = Math.min(this.#minMs, range.minMs)
    this.#maxMs = Math.max(this.#maxMs, range.maxMs)
    this.#sumMs += range.sumMs
  }
}
