import { describe, expect, it } from 'vitest'
import { MetricsRegistry } from './registry.ts'

const table = {
  a_total: { kind: 'counter', help: 'Says "a" \\ and\nmore.', labels: ['model'] },
  plain_count: { kind: 'counter', help: 'Without the suffix.', labels: [] },
  level: { kind: 'gauge', help: 'Level.', labels: [] },
  rows: { kind: 'histogram', help: 'Rows.', labels: [], buckets: [0.5, 1] },
} as const

const openMetrics = 'application/openmetrics-text'

describe('a scrape', () => {
  it('of the Prometheus format escapes labels and help', () => {
    const registry = new MetricsRegistry(table)
    registry.series('a_total', { model: 'back\\slash "quote"\nline' }).add(1)
    expect(registry.render(undefined)).toEqual({
      contentType: 'text/plain; version=0.0.4; charset=utf-8',
      text: [
        '# HELP a_total Says "a" \\\\ and\\nmore.',
        '# TYPE a_total counter',
        'a_total{model="back\\\\slash \\"quote\\"\\nline"} 1',
        '',
      ].join('\n'),
    })
  })

  it('of OpenMetrics names families without _total, samples with it, and ends', () => {
    const registry = new MetricsRegistry(table)
    registry.series('a_total', { model: 'm' }).add(1)
    registry.series('plain_count').add(2)
    registry.histogram('rows').observe(1)
    expect(registry.render(openMetrics)).toEqual({
      contentType: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
      text: [
        '# HELP a Says \\"a\\" \\\\ and\\nmore.',
        '# TYPE a counter',
        'a_total{model="m"} 1',
        '# HELP plain_count Without the suffix.',
        '# TYPE plain_count counter',
        'plain_count_total 2',
        '# HELP rows Rows.',
        '# TYPE rows histogram',
        'rows_bucket{le="0.5"} 0',
        'rows_bucket{le="1.0"} 1',
        'rows_bucket{le="+Inf"} 1',
        'rows_sum 1',
        'rows_count 1',
        '# EOF',
        '',
      ].join('\n'),
    })
  })

  it.each([
    [Infinity, '+Inf'],
    [-Infinity, '-Inf'],
    [Number.NaN, 'NaN'],
    [1e21, '1e+21'],
    [0.00005, '0.00005'],
  ])('writes %d as %s', (value, text) => {
    const registry = new MetricsRegistry(table)
    registry.series('level').set(value)
    expect(registry.render(undefined).text).toContain(`\nlevel ${text}\n`)
  })

  it.each([
    [undefined, 'text/plain'],
    ['*/*', 'text/plain'],
    ['text/plain', 'text/plain'],
    [openMetrics, openMetrics],
    [
      `${openMetrics};version=1.0.0;q=0.5,${openMetrics};version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3`,
      openMetrics,
    ],
    [`${openMetrics};q=0.2, text/plain;q=0.9`, 'text/plain'],
    [`${openMetrics};q=0`, 'text/plain'],
    [`${openMetrics};version=0.0.1`, 'text/plain'],
    [`${openMetrics};q=many`, 'text/plain'],
  ])('that accepts %j is answered with %s', (accept, type) => {
    expect(new MetricsRegistry(table).render(accept).contentType).toMatch(new RegExp(`^${type};`))
  })
})
