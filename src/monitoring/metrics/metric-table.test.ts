import { describe, expect, it } from 'vitest'
import type { MetricRow } from './metric.ts'
import { metricTable } from './metric-table.ts'
import { MetricsRegistry } from './registry.ts'

const rows: readonly (readonly [string, MetricRow])[] = Object.entries(metricTable)

describe('the metric table', () => {
  it('is one that a registry takes', () => {
    expect(() => new MetricsRegistry(metricTable)).not.toThrow()
  })

  it('says what each metric is in one sentence', () => {
    for (const [name, { help }] of rows) expect(help, name).toMatch(/^[^\n]+\.$/)
  })

  it('gives no two metrics the same name for OpenMetrics', () => {
    const names = rows.map(([name]) => name.replace(/_total$/, ''))
    expect(new Set(names).size).toBe(names.length)
  })

  it("ends its own counters' names in _total", () => {
    const own = rows.filter(([name, { kind }]) => kind === 'counter' && !name.startsWith('nv_'))
    expect(own.map(([name]) => name).filter((name) => !name.endsWith('_total'))).toEqual([])
  })

  it('tells latencies below a millisecond apart', () => {
    const { buckets } = metricTable.slipway_request_seconds
    expect(buckets.slice(0, 5)).toEqual([0.00005, 0.0001, 0.00025, 0.0005, 0.001])
    expect(buckets.at(-1)).toBe(10)
  })
})
