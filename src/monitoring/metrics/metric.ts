export type MetricKind = 'counter' | 'gauge' | 'histogram'

/** A metric as data: the registry, the reference page and the tests read it. */
export interface MetricRow {
  readonly kind: MetricKind
  readonly help: string
  readonly labels: readonly string[]
  /** Upper bounds of a histogram's buckets, ascending, without +Inf. */
  readonly buckets?: readonly number[]
}

/** One series: a metric with its labels' values. */
export class Series {
  readonly labelText: string
  value = 0

  constructor(labelText: string) {
    this.labelText = labelText
  }

  add(amount: number): void {
    this.value += amount
  }

  set(value: number): void {
    this.value = value
  }
}

/** One series of a histogram. */
export class HistogramSeries {
  readonly labelText: string
  readonly bounds: readonly number[]
  /** Observations by bucket, not summed up; the last is +Inf. */
  readonly counts: number[]
  sum = 0

  constructor(labelText: string, bounds: readonly number[]) {
    this.labelText = labelText
    this.bounds = bounds
    this.counts = Array.from({ length: bounds.length + 1 }, () => 0)
  }

  observe(value: number): void {
    const { bounds, counts } = this
    let low = 0
    let high = bounds.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (value <= (bounds[middle] ?? Infinity)) high = middle
      else low = middle + 1
    }
    counts[low] = (counts[low] ?? 0) + 1
    this.sum += value
  }
}
