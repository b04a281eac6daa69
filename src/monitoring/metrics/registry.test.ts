import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MetricsRegistry } from './registry.ts'

const table = {
  requests_total: { kind: 'counter', help: 'Requests.', labels: ['model', 'version'] },
  depth: { kind: 'gauge', help: 'Depth.', labels: ['model'] },
  seconds: { kind: 'histogram', help: 'Time.', labels: ['model', 'version'], buckets: [0.001, 1] },
} as const

const open = (seriesMax?: number): MetricsRegistry<typeof table> =>
  new MetricsRegistry(table, seriesMax === undefined ? {} : { seriesMax })

const linesOf = (registry: MetricsRegistry<typeof table>, accept?: string): string[] =>
  registry
    .render(accept)
    .text.split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))

describe('a registry', () => {
  it('gives the same series for the same labels', () => {
    const registry = open()
    registry.series('requests_total', { model: 'm', version: '1' }).add(1)
    registry.series('requests_total', { version: '1', model: 'm' }).add(2)
    expect(linesOf(registry)).toEqual(['requests_total{model="m",version="1"} 3'])
  })

  it('says nothing of metrics without a series', () => {
    expect(open().render(undefined).text).toBe('\n')
  })

  it('counts an observation in every bucket that reaches it', () => {
    const registry = open()
    const series = registry.histogram('seconds', { model: 'm', version: '1' })
    for (const value of [0.0005, 0.001, 0.5, 1, 7]) series.observe(value)
    expect(linesOf(registry)).toEqual([
      'seconds_bucket{model="m",version="1",le="0.001"} 2',
      'seconds_bucket{model="m",version="1",le="1"} 4',
      'seconds_bucket{model="m",version="1",le="+Inf"} 5',
      'seconds_sum{model="m",version="1"} 8.5015',
      'seconds_count{model="m",version="1"} 5',
    ])
  })

  it('asks for gauges at every scrape', () => {
    const registry = open()
    let depth = 0
    registry.onCollect(() => registry.series('depth', { model: 'm' }).set(++depth))
    registry.render(undefined)
    expect(linesOf(registry)).toEqual(['depth{model="m"} 2'])
  })

  it('removes every series with the labels, and only those', () => {
    const registry = open()
    for (const version of ['1', '11']) {
      registry.series('requests_total', { model: 'm', version }).add(1)
      registry.histogram('seconds', { model: 'm', version }).observe(1)
    }
    registry.series('depth', { model: 'm' }).set(4)
    registry.remove({ model: 'm', version: '1' })
    const lines = linesOf(registry)
    expect(lines.filter((line) => line.includes('version="1"'))).toEqual([])
    expect(lines).toContain('requests_total{model="m",version="11"} 1')
    expect(lines).toContain('depth{model="m"} 4')
  })

  it('is not tricked into a removal by what a label says', () => {
    const registry = open()
    registry.series('requests_total', { model: 'a\u0000version="1"', version: '2' }).add(1)
    registry.remove({ version: '1' })
    expect(linesOf(registry)).toHaveLength(1)
  })

  it('begins again from 0 when removed labels come back', () => {
    const registry = open()
    registry.series('depth', { model: 'm' }).set(4)
    registry.remove({ model: 'm' })
    registry.series('depth', { model: 'm' }).add(1)
    expect(linesOf(registry)).toEqual(['depth{model="m"} 1'])
  })

  it('keeps no more series than its bound and counts the others', () => {
    const registry = open(2)
    for (const model of ['a', 'b', 'c', 'c', 'a']) registry.series('depth', { model }).add(1)
    expect(linesOf(registry)).toEqual(['depth{model="a"} 2', 'depth{model="b"} 1'])
    expect(registry.droppedSeries).toBe(2)
  })

  it('takes a new series once another is removed', () => {
    const registry = open(1)
    registry.series('depth', { model: 'a' }).set(1)
    registry.remove({ model: 'a' })
    registry.series('depth', { model: 'b' }).set(1)
    expect(linesOf(registry)).toEqual(['depth{model="b"} 1'])
    expect(registry.droppedSeries).toBe(0)
  })

  it('tells different labels apart, whatever they hold', () => {
    const value = fc.oneof(fc.string(), fc.constantFrom('"', '\\', ',', '",version="', '\n', '\u0000'))
    const pair = fc.tuple(value, value)
    fc.assert(
      fc.property(fc.uniqueArray(pair, { selector: (one) => JSON.stringify(one), maxLength: 6 }), (pairs) => {
        const registry = open()
        for (const [model, version] of pairs) registry.series('requests_total', { model, version }).add(1)
        expect(linesOf(registry)).toHaveLength(pairs.length)
      }),
    )
  })

  it('refuses a missing label, an unknown metric and the wrong kind', () => {
    const registry = open()
    expect(() => registry.series('requests_total', { model: 'm' })).toThrow(/label 'version'/)
    expect(() => registry.series('nothing' as 'depth')).toThrow(/metric table/)
    expect(() => registry.histogram('depth', { model: 'm' })).toThrow(/histogram/)
    expect(() => registry.series('seconds', { model: 'm', version: '1' })).toThrow(/counter or a gauge/)
  })

  it.each([
    [{ 'a-b': { kind: 'gauge', help: '', labels: [] } }, /metric name/],
    [{ '1a': { kind: 'gauge', help: '', labels: [] } }, /metric name/],
    [{ a: { kind: 'gauge', help: '', labels: ['b-c'] } }, /label name/],
    [{ a: { kind: 'gauge', help: '', labels: ['__name__'] } }, /label name/],
    [{ a: { kind: 'gauge', help: '', labels: ['b', 'b'] } }, /differ/],
    [{ a: { kind: 'histogram', help: '', labels: ['le'], buckets: [1] } }, /'le'/],
    [{ a: { kind: 'histogram', help: '', labels: [] } }, /buckets/],
    [{ a: { kind: 'gauge', help: '', labels: [], buckets: [1] } }, /buckets/],
    [{ a: { kind: 'histogram', help: '', labels: [], buckets: [2, 1] } }, /ascend/],
    [{ a: { kind: 'histogram', help: '', labels: [], buckets: [1, Infinity] } }, /finite/],
  ] as const)('refuses the table %j', (rows, problem) => {
    expect(() => new MetricsRegistry(rows)).toThrow(problem)
  })
})
