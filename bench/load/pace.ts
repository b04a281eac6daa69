import type { OpenLoop } from '../../src/client/index.ts'
import { Histogram } from '../../src/lib/index.ts'
import type { HistogramData } from '../../src/lib/index.ts'

/** What an open loop saw of the generator's pace and of the server's. */
export interface Pace {
  /** How much later than due the requests were sent. */
  readonly lateness: Histogram
  /** From one good answer to the one so many later. */
  readonly rows: Histogram
}

export interface PaceData {
  readonly lateness: HistogramData
  readonly rows: HistogramData
}

export const paceFromData = ({ lateness, rows }: PaceData): Pace => ({
  lateness: Histogram.from(lateness),
  rows: Histogram.from(rows),
})

/** Takes in a loop's endings; `answersInRow` of 0 measures no rows. */
export class PaceTally {
  readonly #lateness = new Histogram()
  readonly #rows = new Histogram()
  readonly #answeredAtMs: number[] = []
  readonly #answersInRow: number

  constructor(answersInRow: number) {
    this.#answersInRow = answersInRow
  }

  readonly observe: NonNullable<OpenLoop['observe']> = (ending, { dueAtMs, sentAtMs, endedAtMs }) => {
    this.#lateness.record(sentAtMs - dueAtMs)
    if (this.#answersInRow === 0 || !('status' in ending) || ending.status !== 200) return
    this.#answeredAtMs.push(endedAtMs)
    if (this.#answeredAtMs.length > this.#answersInRow) this.#rows.record(endedAtMs - (this.#answeredAtMs.shift() ?? 0))
  }

  data(): PaceData {
    return { lateness: this.#lateness.toData(), rows: this.#rows.toData() }
  }
}
