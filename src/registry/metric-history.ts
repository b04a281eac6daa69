import type { Database } from '../ports/index.ts'
import { fail } from '../protocol/index.ts'
import { requireRunId } from './run-id.ts'
import type { Metric } from './run.ts'
import { decodePageToken, encodePageToken, wholeSlot } from './search/page-token.ts'
import { placeholders } from './sql.ts'

/** Most points of one reply. */
export const historyPageMax = 25_000
/** Most runs and points a run of a sampled history. */
export const sampleRunsMax = 100
export const samplePointsMax = 2500

interface PointRow extends Readonly<Record<string, string | number>> {
  readonly step: number
  readonly timestamp: number
  readonly value: number
  readonly is_nan: number
}

export interface RunMetric extends Metric {
  readonly runId: string
}

export interface HistoryPage {
  readonly metrics: readonly Metric[]
  readonly nextPageToken: string | undefined
}

/** The points of metrics, in the order of steps. */
export class MetricHistory {
  readonly #db: Database

  constructor(db: Database) {
    this.#db = db
  }

  /** A page of one metric's points; it continues behind the last point of the page before, not at a count. */
  async page(
    runId: string,
    key: string,
    { limit, pageToken }: { limit: number; pageToken?: string | undefined },
  ): Promise<HistoryPage> {
    const binding = bindingOf(runId, key)
    const after = pageToken === undefined || pageToken === '' ? undefined : decodePageToken(pageToken, slots, binding)
    const series = await this.#series(runId, key)
    if (series === undefined) return { metrics: [], nextPageToken: undefined }
    const rows = await this.#db.query<PointRow>(
      `SELECT step, timestamp, value, is_nan FROM metric_points WHERE series_id = ?${
        after === undefined ? '' : ' AND (step, timestamp, value, is_nan) > (?, ?, CAST(? AS DOUBLE PRECISION), ?)'
      } ORDER BY step, timestamp, value, is_nan LIMIT ?`,
      [series, ...(after ?? []), limit + 1],
    )
    const shown = rows.slice(0, limit)
    const last = shown.at(-1)
    return {
      metrics: shown.map((row) => metricOf(key, row)),
      nextPageToken:
        rows.length > limit && last !== undefined
          ? encodePageToken([last.step, last.timestamp, last.value, last.is_nan], binding)
          : undefined,
    }
  }

  /** All points of one metric of several runs, up to 25,000 in all. */
  async bulk(runIds: readonly string[], key: string, limit: number): Promise<RunMetric[]> {
    const metrics: RunMetric[] = []
    for (const runId of runIds) {
      const left = limit - metrics.length
      if (left <= 0) break
      const page = await this.page(runId, key, { limit: left })
      for (const metric of page.metrics) metrics.push({ ...metric, runId })
    }
    return metrics
  }

  /**
   * Points for drawing: at steps that are spread evenly over all steps of the runs, together with each run's first and
   * last, so that lines of several runs can be compared.
   */
  async sample(
    runIds: readonly string[],
    key: string,
    { points, startStep, endStep }: { points: number; startStep?: number | undefined; endStep?: number | undefined },
  ): Promise<RunMetric[]> {
    if (startStep !== undefined && endStep !== undefined && startStep > endStep)
      throw fail('invalid_parameter', {
        reason: `end_step must be greater than start_step. Found start_step=${startStep} and end_step=${endStep}.`,
      })
    for (const runId of runIds) requireRunId(runId)
    const low = startStep ?? Number.MIN_SAFE_INTEGER
    const high = endStep ?? Number.MAX_SAFE_INTEGER
    const series = await this.#db.query<{ series_id: number; run_id: string }>(
      `SELECT series_id, run_id FROM metric_series WHERE key = ? AND run_id IN (${placeholders(runIds.length)})`,
      [key, ...runIds],
    )
    if (series.length === 0) return []
    const ids = series.map((row) => row.series_id)
    const steps = await this.#db.query<{ step: number }>(
      `SELECT DISTINCT step FROM metric_points WHERE series_id IN (${placeholders(ids.length)}) AND step BETWEEN ? AND ? ORDER BY step`,
      [...ids, low, high],
    )
    const chosen = spread(
      steps.map((row) => row.step),
      points,
    )
    const metrics: RunMetric[] = []
    for (const { series_id: id, run_id: runId } of series) {
      const [bounds] = await this.#db.query<{ first: number | null; last: number | null }>(
        'SELECT MIN(step) AS first, MAX(step) AS last FROM metric_points WHERE series_id = ? AND step BETWEEN ? AND ?',
        [id, low, high],
      )
      const wanted = [
        ...new Set([...chosen, ...[bounds?.first, bounds?.last].filter((step) => typeof step === 'number')]),
      ]
      for (let at = 0; at < wanted.length; at += 500) {
        const part = wanted.slice(at, at + 500)
        const rows = await this.#db.query<PointRow>(
          `SELECT step, timestamp, value, is_nan FROM metric_points WHERE series_id = ? AND step IN (${placeholders(part.length)}) ORDER BY step, timestamp LIMIT ?`,
          [id, ...part, samplePointsMax],
        )
        for (const row of rows) metrics.push({ ...metricOf(key, row), runId })
      }
    }
    return metrics.sort((a, b) =>
      a.runId === b.runId ? a.step - b.step || a.timestamp - b.timestamp : a.runId < b.runId ? -1 : 1,
    )
  }

  async #series(runId: string, key: string): Promise<number | undefined> {
    requireRunId(runId)
    const [row] = await this.#db.query<{ series_id: number }>(
      'SELECT series_id FROM metric_series WHERE run_id = ? AND key = ?',
      [runId, key],
    )
    return row?.series_id
  }
}

/** At most `count` of the values, evenly spread, the first and the last among them. */
const spread = (values: readonly number[], count: number): number[] => {
  if (values.length <= count) return [...values]
  return Array.from({ length: count }, (_, index) => {
    const at = count === 1 ? 0 : Math.round((index * (values.length - 1)) / (count - 1))
    return values[at] ?? 0
  })
}

const metricOf = (key: string, row: PointRow): Metric => ({
  key,
  value: row.is_nan === 1 ? NaN : row.value,
  timestamp: row.timestamp,
  step: row.step,
})

const slots = [wholeSlot, wholeSlot, { type: 'number', nullable: false }, wholeSlot] as const

/** What a page token is good for: the same metric. */
const bindingOf = (runId: string, key: string): string => JSON.stringify(['history', runId, key])
