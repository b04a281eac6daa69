import type { MetricRow } from './metric.ts'
import { type HistogramSeries, Series } from './metric.ts'

/** The two text formats of a scrape: Prometheus 0.0.4 and OpenMetrics 1.0. */
export type Exposition = 'prometheus' | 'openmetrics'

export const contentTypes: Readonly<Record<Exposition, string>> = {
  prometheus: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
}

/** The format that an Accept header prefers; OpenMetrics only where it is named, at a weight no lower than plain text's. */
export const chooseExposition = (accept: string | undefined): Exposition => {
  let open = 0
  let plain = 0
  for (const range of (accept ?? '').split(',')) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase())
    const weight = Number(parameters.find((one) => one.startsWith('q='))?.slice(2) ?? 1)
    const version = parameters.find((one) => one.startsWith('version='))?.slice(8) ?? '1.0.0'
    if (type === 'application/openmetrics-text' && version === '1.0.0') open = Math.max(open, weight)
    else if (type === 'text/plain') plain = Math.max(plain, weight)
  }
  return open > 0 && open >= plain ? 'openmetrics' : 'prometheus'
}

/** A label's value as it stands between quotes. */
export const escapeLabel = (value: string): string =>
  value.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n')

/** Appends the lines of one metric with its series. */
export const renderMetric = (
  metric: { readonly name: string; readonly row: MetricRow; readonly series: Iterable<Series | HistogramSeries> },
  exposition: Exposition,
  lines: string[],
): void => {
  const { name, row, series } = metric
  const open = exposition === 'openmetrics'
  // OpenMetrics names a counter's family without the suffix that its samples must have (section 5.1.3).
  const familyName = open && row.kind === 'counter' ? name.replace(/_total$/, '') : name
  const sampleName = open && row.kind === 'counter' ? `${familyName}_total` : name
  // Only OpenMetrics escapes quotes in a help text.
  const help = open ? escapeLabel(row.help) : row.help.replace(/\\/g, '\\\\').replace(/\n/g, '\\n')
  lines.push(`# HELP ${familyName} ${help}`, `# TYPE ${familyName} ${row.kind}`)
  for (const one of series) {
    if (one instanceof Series) lines.push(`${sampleName}${braces(one.labelText)} ${sampleValue(one.value)}`)
    else renderHistogram(name, one, { open, lines })
  }
}

const renderHistogram = (
  name: string,
  series: HistogramSeries,
  { open, lines }: { readonly open: boolean; readonly lines: string[] },
): void => {
  let count = 0
  const comma = series.labelText === '' ? '' : `${series.labelText},`
  series.counts.forEach((inBucket, index) => {
    count += inBucket
    lines.push(`${name}_bucket{${comma}le="${boundText(series.bounds[index] ?? Infinity, open)}"} ${count}`)
  })
  lines.push(
    `${name}_sum${braces(series.labelText)} ${sampleValue(series.sum)}`,
    `${name}_count${braces(series.labelText)} ${count}`,
  )
}

const braces = (labels: string): string => (labels === '' ? '' : `{${labels}}`)

/** Both formats spell infinities as Go does, not as JavaScript. */
const sampleValue = (value: number): string => {
  if (value === Infinity) return '+Inf'
  return value === -Infinity ? '-Inf' : String(value)
}

/** OpenMetrics asks for bounds in canonical float form: 1.0, not 1. */
const boundText = (bound: number, open: boolean): string =>
  open && Number.isInteger(bound) ? bound.toFixed(1) : sampleValue(bound)
