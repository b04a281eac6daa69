/** What a closed-loop load tool measured. */
export interface Speed {
  /** Successful requests a second. */
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly count: number
  /** Requests with an error status or none at all. */
  readonly failed: number
}

/** A closed-loop run's size. */
export interface Load {
  readonly clients: number
  readonly seconds: number
}
