import { Histogram } from '../../lib/index.ts'
import type { HistogramData } from '../../lib/index.ts'
import type { Ending } from './http-requester.ts'

/** What a run of load found. */
export interface LoadResult {
  /** Requests that ended, well or not. */
  readonly count: number
  /** Endings by HTTP status ("200") or network error ("ECONNRESET"). */
  readonly byStatus: Readonly<Record<string, number>>
  /** Latency of the replies with a 2xx status. */
  readonly histogram: Histogram
  /** From the first request to the last ending. */
  readonly elapsedMs: number
  /** Requests that were due but never sent, because too many were waiting already; always 0 in a closed loop. */
  readonly unsent: number
}

/** A result without its class, to pass between processes. */
export type LoadResultData = Omit<LoadResult, 'histogram'> & { readonly histogram: HistogramData }

export const loadResultToData = (result: LoadResult): LoadResultData => ({
  ...result,
  histogram: result.histogram.toData(),
})

export const loadResultFromData = (data: LoadResultData): LoadResult => ({
  ...data,
  histogram: Histogram.from(data.histogram),
})

/** Requests answered with a 2xx status. */
export const succeeded = (result: LoadResult): number => result.histogram.count

/** Requests that ended in any other way, or that were never sent. */
export const failed = (result: LoadResult): number => result.count - succeeded(result) + result.unsent

/** Collects endings while a run lasts. */
export class LoadTally {
  readonly #byStatus = new Map<string, number>()
  readonly #histogram = new Histogram()
  #count = 0

  get count(): number {
    return this.#count
  }

  add(ending: Ending, latencyMs: number): void {
    const key = 'status' in ending ? String(ending.status) : ending.error
    this.#byStatus.set(key, (this.#byStatus.get(key) ?? 0) + 1)
    this.#count++
    if ('status' in ending && ending.status >= 200 && ending.status < 300) this.#histogram.record(latencyMs)
  }

  result(elapsedMs: number, unsent: number): LoadResult {
    return {
      count: this.#count,
      byStatus: Object.fromEntries([...this.#byStatus].sort(([a], [b]) => a.localeCompare(b))),
      histogram: this.#histogram,
      elapsedMs,
      unsent,
    }
  }
}
