import { assert } from '../../lib/index.ts'
import type { MetricRow } from './metric.ts'
import { HistogramSeries, Series } from './metric.ts'

/** Series of one metric; beyond it new label values are dropped and counted, so that no client can fill the memory. */
const seriesMax = 10_000

type Labels = Readonly<Record<string, string>>

interface Family {
  readonly name: string
  readonly row: MetricRow
  readonly series: Map<string, Series | HistogramSeries>
}

/** Metrics of the process by the names of a table; rendered for Prometheus. Bind a series once and keep it: binding costs, observing doesn't. */
export class MetricsRegistry<Table extends Readonly<Record<string, MetricRow>>> {
  readonly #families = new Map<string, Family>()
  readonly #collectors: (() => void)[] = []
  droppedSeries = 0

  constructor(table: Table) {
    for (const [name, row] of Object.entries(table)) {
      assert(/^[a-z_:][a-z0-9_:]*$/.test(name), `'${name}' is a valid metric name`)
      this.#families.set(name, { name, row, series: new Map() })
    }
  }

  /** The series of a counter or gauge. */
  series(name: keyof Table & string, labels: Labels = {}): Series {
    const series = this.#bind(name, labels)
    assert(series instanceof Series, `'${name}' is a counter or a gauge`)
    return series
  }

  histogram(name: keyof Table & string, labels: Labels = {}): HistogramSeries {
    const series = this.#bind(name, labels)
    assert(series instanceof HistogramSeries, `'${name}' is a histogram`)
    return series
  }

  /** Forgets every series that has these labels among its own. */
  remove(labels: Labels): void {
    const pairs = Object.entries(labels).map(([label, value]) => `${label}="${escapeLabel(value)}"`)
    for (const family of this.#families.values()) {
      for (const key of family.series.keys()) {
        const own = key.split('\u0000')
        if (pairs.every((pair) => own.includes(pair))) family.series.delete(key)
      }
    }
  }

  /** Called before every rendering, to set gauges. */
  onCollect(collect: () => void): void {
    this.#collectors.push(collect)
  }

  /** Text for a scrape: OpenMetrics 1.0 when accepted, else the Prometheus format 0.0.4. */
  render(accept: string | undefined): { readonly contentType: string; readonly text: string } {
    for (const collect of this.#collectors) collect()
    const open = accept?.includes('application/openmetrics-text') === true
    const lines: string[] = []
    for (const family of this.#families.values()) if (family.series.size > 0) renderFamily(family, open, lines)
    if (open) lines.push('# EOF')
    return {
      contentType: open
        ? 'application/openmetrics-text; version=1.0.0; charset=utf-8'
        : 'text/plain; version=0.0.4; charset=utf-8',
      text: `${lines.join('\n')}\n`,
    }
  }

  #bind(name: string, labels: Labels): Series | HistogramSeries {
    const family = this.#families.get(name)
    assert(family !== undefined, `'${name}' is in the metric table`)
    const pairs = family.row.labels.map((label) => `${label}="${escapeLabel(labels[label] ?? '')}"`)
    const key = pairs.join('\u0000')
    let series = family.series.get(key)
    if (series === undefined) {
      const text = pairs.join(',')
      series = family.row.kind === 'histogram' ? new HistogramSeries(text, family.row.buckets ?? []) : new Series(text)
      if (family.series.size < seriesMax) family.series.set(key, series)
      else this.droppedSeries += 1
    }
    return series
  }
}

const escapeLabel = (value: string): string => value.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n')

const braces = (labels: string): string => (labels === '' ? '' : `{${labels}}`)

const renderFamily = ({ name, row, series }: Family, open: boolean, lines: string[]): void => {
  // OpenMetrics names a counter's family without the suffix of its samples.
  const familyName = open && row.kind === 'counter' ? name.replace(/_total$/, '') : name
  const sampleName = open && row.kind === 'counter' ? `${familyName}_total` : name
  lines.push(
    `# HELP ${familyName} ${row.help.replace(/\\/g, '\\\\').replace(/\n/g, '\\n')}`,
    `# TYPE ${familyName} ${row.kind}`,
  )
  for (const one of series.values()) {
    if (one instanceof Series) lines.push(`${sampleName}${braces(one.labelText)} ${one.value}`)
    else renderHistogram(name, one, lines)
  }
}

const renderHistogram = (name: string, series: HistogramSeries, lines: string[]): void => {
  let count = 0
  const comma = series.labelText === '' ? '' : `${series.labelText},`
  series.counts.forEach((inBucket, index) => {
    count += inBucket
    lines.push(`${name}_bucket{${comma}le="${series.bounds[index] ?? '+Inf'}"} ${count}`)
  })
  lines.push(
    `${name}_sum${braces(series.labelText)} ${series.sum}`,
    `${name}_count${braces(series.labelText)} ${count}`,
  )
}
