import { assert } from '../../lib/index.ts'
import { chooseExposition, contentTypes, escapeLabel, renderMetric } from './exposition.ts'
import type { MetricRow } from './metric.ts'
import { HistogramSeries, Series } from './metric.ts'

/** Series of one metric; beyond it new label values are dropped and counted, so that no client can fill the memory. */
const seriesMaxDefault = 10_000

type Labels = Readonly<Record<string, string>>

interface Bound {
  /** In the order of the row's labels. */
  readonly values: readonly string[]
  readonly series: Series | HistogramSeries
}

interface Family {
  readonly name: string
  readonly row: MetricRow
  /** By label text, which is unambiguous because it is escaped. */
  readonly bound: Map<string, Bound>
}

/** Metrics of the process by the names of a table; rendered for Prometheus. Bind a series once and keep it: binding costs, observing doesn't. */
export class MetricsRegistry<Table extends Readonly<Record<string, MetricRow>>> {
  readonly #families = new Map<string, Family>()
  readonly #collectors: (() => void)[] = []
  readonly #seriesMax: number
  /** Bindings refused because their metric had too many series. */
  droppedSeries = 0

  /** A table with an invalid name, label or bucket is a broken invariant. */
  constructor(table: Table, { seriesMax = seriesMaxDefault }: { readonly seriesMax?: number } = {}) {
    this.#seriesMax = seriesMax
    for (const [name, row] of Object.entries(table)) {
      assertRow(name, row)
      this.#families.set(name, { name, row, bound: new Map() })
    }
  }

  /** The series of a counter or gauge. Labels beyond the metric's own are ignored; a missing one is a broken invariant. */
  series(name: keyof Table & string, labels: Labels = {}): Series {
    const series = this.#bind(name, labels)
    assert(series instanceof Series, `'${name}' is a counter or a gauge`)
    return series
  }

  /** The series of a histogram; labels as for `series`. */
  histogram(name: keyof Table & string, labels: Labels = {}): HistogramSeries {
    const series = this.#bind(name, labels)
    assert(series instanceof HistogramSeries, `'${name}' is a histogram`)
    return series
  }

  /** Forgets every series that has all these labels among its own. Whoever still holds one may observe; nobody reads it. */
  remove(labels: Labels): void {
    const wanted = Object.entries(labels)
    for (const { row, bound } of this.#families.values()) {
      const at = wanted.map(([label, value]) => ({ index: row.labels.indexOf(label), value }))
      if (at.some(({ index }) => index < 0)) continue
      for (const [key, { values }] of bound) {
        if (at.every(({ index, value }) => values[index] === value)) bound.delete(key)
      }
    }
  }

  /** Called before every rendering, to set gauges. */
  onCollect(collect: () => void): void {
    this.#collectors.push(collect)
  }

  /** Text for a scrape: OpenMetrics 1.0 when preferred by the Accept header, else the Prometheus format 0.0.4. */
  render(accept: string | undefined): { readonly contentType: string; readonly text: string } {
    for (const collect of this.#collectors) collect()
    const exposition = chooseExposition(accept)
    const lines: string[] = []
    for (const { name, row, bound } of this.#families.values()) {
      const series = bound.values().map((one) => one.series)
      if (bound.size > 0) renderMetric({ name, row, series }, exposition, lines)
    }
    if (exposition === 'openmetrics') lines.push('# EOF')
    return { contentType: contentTypes[exposition], text: `${lines.join('\n')}\n` }
  }

  #bind(name: string, labels: Labels): Series | HistogramSeries {
    const family = this.#families.get(name)
    assert(family !== undefined, `'${name}' is in the metric table`)
    const { row, bound } = family
    const values = row.labels.map((label) => {
      const value = labels[label]
      assert(value !== undefined, `'${name}' is given its label '${label}'`)
      return value
    })
    const text = row.labels.map((label, index) => `${label}="${escapeLabel(values[index] ?? '')}"`).join(',')
    const known = bound.get(text)
    if (known !== undefined) return known.series
    const series = row.kind === 'histogram' ? new HistogramSeries(text, row.buckets ?? []) : new Series(text)
    if (bound.size < this.#seriesMax) bound.set(text, { values, series })
    else this.droppedSeries += 1
    return series
  }
}

const assertRow = (name: string, { kind, labels, buckets = [] }: MetricRow): void => {
  assert(/^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(name), `'${name}' is a valid metric name`)
  for (const label of labels) {
    assert(/^(?!__)[a-zA-Z_][a-zA-Z0-9_]*$/.test(label), `'${label}' of '${name}' is a valid label name`)
    assert(kind !== 'histogram' || label !== 'le', `'${name}' leaves the label 'le' to its buckets`)
  }
  assert(new Set(labels).size === labels.length, `the labels of '${name}' differ`)
  assert((kind === 'histogram') === buckets.length > 0, `'${name}' has buckets if it is a histogram`)
  const ascending = buckets.every((bound, index) => Number.isFinite(bound) && bound > (buckets[index - 1] ?? -Infinity))
  assert(ascending, `the buckets of '${name}' are finite and ascend`)
}
