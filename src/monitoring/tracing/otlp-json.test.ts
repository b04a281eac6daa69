import { describe, expect, it } from 'vitest'
import { otlpTraceBody } from './otlp-json.ts'
import { retryAfterMs } from './retry-after.ts'

describe('an OTLP body', () => {
  it('follows the JSON encoding of the protocol', () => {
    const body = otlpTraceBody(
      [
        {
          name: 'infer m',
          kind: 'server',
          context: { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), sampled: true, tracestate: 'x=1' },
          parentSpanId: 'c'.repeat(16),
          startMs: 1_700_000_000_000.25,
          endMs: 1_700_000_000_001,
          attributes: { text: 't', rows: 3, ratio: 0.5, odd: Number.NaN, ok: true },
          error: 'queue_full',
        },
      ],
      { attributes: { 'service.name': 'slipway' }, scope: { name: 'slipway', version: '1' } },
    )
    expect(JSON.parse(body)).toEqual({
      resourceSpans: [
        {
          resource: { attributes: [{ key: 'service.name', value: { stringValue: 'slipway' } }] },
          scopeSpans: [
            {
              scope: { name: 'slipway', version: '1' },
              spans: [
                {
                  traceId: 'a'.repeat(32),
                  spanId: 'b'.repeat(16),
                  traceState: 'x=1',
                  parentSpanId: 'c'.repeat(16),
                  flags: 1,
                  name: 'infer m',
                  kind: 2,
                  startTimeUnixNano: '1700000000000250000',
                  endTimeUnixNano: '1700000000001000000',
                  attributes: [
                    { key: 'text', value: { stringValue: 't' } },
                    { key: 'rows', value: { intValue: '3' } },
                    { key: 'ratio', value: { doubleValue: 0.5 } },
                    { key: 'odd', value: { doubleValue: 'NaN' } },
                    { key: 'ok', value: { boolValue: true } },
                  ],
                  status: { code: 2, message: 'queue_full' },
                },
              ],
            },
          ],
        },
      ],
    })
  })
})

describe('Retry-After', () => {
  const nowMs = Date.UTC(2026, 0, 1)
  it.each([
    [undefined, undefined],
    ['0', 0],
    [' 12 ', 12_000],
    ['Thu, 01 Jan 2026 00:00:30 GMT', 30_000],
    ['Wed, 31 Dec 2025 23:00:00 GMT', 0],
    ['-5', undefined],
    ['1.5', undefined],
    ['soon', undefined],
    ['9999999999999', undefined],
  ])('%j means %s ms', (header, ms) => {
    expect(retryAfterMs(header, nowMs)).toBe(ms)
  })
})
