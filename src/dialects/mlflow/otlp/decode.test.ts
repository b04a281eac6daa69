import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ProtobufWriter } from '../../../lib/index.ts'
import { anyValue } from './any-value.ts'
import { otlpLimits } from './decode-budget.ts'
import { decodeJson } from './decode-json.ts'
import { decodeProtobuf } from './decode-protobuf.ts'

// Serialized by opentelemetry-proto 1.45.2: an ExportTraceServiceRequest of one resource (service.name, and
// telemetry.sdk.name, which says who sent it) and two spans of one trace, the first with every kind of value, an event
// at 1700000000500000001 ns and a link, the second its child without an end.
const golden = Buffer.from(
  'Cp4ECj8KFgoMc2VydmljZS5uYW1lEgYKBHNob3AKJQoSdGVsZW1ldHJ5LnNkay5uYW1lEg8KDW9wZW50ZWxlbWV0cnkS2gMKBQoDbGliEpgDChAAAQIDBAUGBwgJCgsMDQ4PEggBAgMEBQYHCBoDaz12KgdHcsO8w59lMAI5Fc2FPf6clxdBFZcgef6clxdKGQoEdGV4dBIRCg9hICJxdW90ZWQiIHdvcmRKFwoEanNvbhIPCg17ImEiOiBbMSwgMl19SgkKA3llcxICEAFKEgoDYmlnEgsYgICAgICAgICAAUoRCgRoYWxmEgkhAAAAAAAA4D9KEgoFd2hvbGUSCSEAAAAAAAAIQEoQCgNuYW4SCSEAAAAAAAD4f0oNCgVieXRlcxIEOgIA/0oiCgRsaXN0EhoqGAoDCgF4CgkYgYCAgICAgBAKBioECgIQAEofCgNtYXASGDIWChQKCV9fcHJvdG9fXxIHCgVpbm5lckoGCgRub25lShIKCV9fcHJvdG9fXxIFCgNvd25aHAkBZfdT/pyXFxIIaGFwcGVuZWQaBwoBbhICGAdqLAoQEBESExQVFhcYGRobHB0eHxIICAkKCwwNDg8iDgoDd2h5EgcKBXJldHJ5egoSBmZhaWxlZBgChQEBAAAAEjYKEAABAgMEBQYHCAkKCwwNDg8SCAIDBAUGBwgJIggBAgMEBQYHCCoFY2hpbGQ5AMIVQv6clxc=',
  'base64',
)

const traceId = Buffer.from([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15])
const spanId = Buffer.from([1, 2, 3, 4, 5, 6, 7, 8])

const request = (write: (spans: ProtobufWriter) => void): Uint8Array =>
  new ProtobufWriter().message(1, (resource) => resource.message(2, write)).finish()

const span = (write: (span: ProtobufWriter) => void): Uint8Array =>
  request((spans) =>
    spans.message(2, (one) => {
      one.bytes(1, traceId).bytes(2, spanId)
      write(one)
    }),
  )

describe('a request of the OpenTelemetry SDK', () => {
  it('is read with nothing lost', () => {
    const { spans, rejected } = decodeProtobuf(golden)
    expect(rejected).toBe(0)
    expect(spans).toHaveLength(2)
    const [root, child] = spans
    expect(root).toMatchObject({
      traceId: 'tr-000102030405060708090a0b0c0d0e0f',
      spanId: '0102030405060708',
      parentSpanId: undefined,
      name: 'Grüße',
      kind: 2,
      traceState: 'k=v',
      startNs: 1700000000123456789n,
      endNs: 1700000001123456789n,
      status: 'ERROR',
      statusMessage: 'failed',
    })
    expect(Object.fromEntries(root?.attributes ?? [])).toEqual(
      Object.fromEntries([
        ['text', String.raw`"a \"quoted\" word"`],
        ['json', '{"a": [1, 2]}'],
        ['yes', 'true'],
        ['big', '-9223372036854775808'],
        ['half', '0.5'],
        ['whole', '3.0'],
        ['nan', 'NaN'],
        ['bytes', '"AP8="'],
        ['list', '["x",9007199254740993,[false]]'],
        ['map', '{"__proto__":"inner"}'],
        ['none', 'null'],
        ['__proto__', '"own"'],
      ]),
    )
    expect(root?.events).toEqual([
      { name: 'happened', timeNs: 1700000000500000001n, attributes: new Map([['n', '7']]) },
    ])
    expect(root?.links).toEqual([
      {
        traceId: '101112131415161718191a1b1c1d1e1f',
        spanId: '08090a0b0c0d0e0f',
        attributes: new Map([['why', '"retry"']]),
      },
    ])
    expect(root?.resource.get('service.name')).toBe('"shop"')
    expect(child).toMatchObject({ parentSpanId: '0102030405060708', endNs: undefined, status: 'UNSET' })
  })

  it('fails, rather than giving something else, wherever it is cut', () => {
    for (let end = 1; end < golden.length; end++) expect(() => decodeProtobuf(golden.subarray(0, end))).toThrow()
  })

  it('never crashes on bytes that were changed', () => {
    fc.assert(
      fc.property(fc.nat(golden.length - 1), fc.nat(255), (at, byte) => {
        const changed = Buffer.from(golden)
        changed[at] = byte
        try {
          decodeProtobuf(changed)
        } catch (error) {
          expect((error as Error).name).toMatch(/^(ProtobufError|AppError)$/)
        }
      }),
    )
  })

  it('means the same in JSON', () => {
    const json = {
      resourceSpans: [
        {
          resource: { attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }] },
          scopeSpans: [
            {
              spans: [
                {
                  traceId: '000102030405060708090A0B0C0D0E0F',
                  spanId: '0102030405060708',
                  name: 'Grüße',
                  kind: 2,
                  startTimeUnixNano: '1700000000123456789',
                  endTimeUnixNano: '1700000001123456789',
                  attributes: [
                    { key: 'big', value: { intValue: '-9223372036854775808' } },
                    { key: 'whole', value: { doubleValue: 3 } },
                    { key: 'list', value: { arrayValue: { values: [{ stringValue: 'x' }, { boolValue: false }] } } },
                    { key: 'map', value: { kvlistValue: { values: [{ key: 'k', value: { intValue: 1 } }] } } },
                  ],
                  events: [{ name: 'happened', timeUnixNano: '1700000000500000001' }],
                  status: { code: 2, message: 'failed' },
                  unknownField: {},
                },
              ],
            },
          ],
        },
      ],
    }
    const { spans } = decodeJson(Buffer.from(JSON.stringify(json)))
    expect(spans[0]).toMatchObject({
      traceId: 'tr-000102030405060708090a0b0c0d0e0f',
      startNs: 1700000000123456789n,
      endNs: 1700000001123456789n,
      status: 'ERROR',
      kind: 2,
    })
    expect([...(spans[0]?.attributes ?? [])]).toEqual([
      ['big', '-9223372036854775808'],
      ['whole', '3.0'],
      ['list', '["x",false]'],
      ['map', '{"k":1}'],
    ])
    expect(spans[0]?.events[0]?.timeNs).toBe(1700000000500000001n)
  })

  it('keeps the resource of its spans when that comes behind them', () => {
    const body = new ProtobufWriter()
      .message(1, (resourceSpans) => {
        resourceSpans.message(2, (spans) => spans.message(2, (one) => one.bytes(1, traceId).bytes(2, spanId)))
        resourceSpans.message(1, (resource) =>
          resource.message(1, (pair) => pair.string(1, 'service.name').message(2, (value) => value.string(1, 'late'))),
        )
      })
      .finish()
    expect(decodeProtobuf(body).spans[0]?.resource.get('service.name')).toBe('"late"')
  })
})

describe('spans that are none', () => {
  it.each([
    ['a trace id of 15 bytes', traceId.subarray(1), spanId],
    ['a trace id of zeros', Buffer.alloc(16), spanId],
    ['no span id', traceId, Buffer.alloc(0)],
    ['a span id of zeros', traceId, Buffer.alloc(8)],
  ])('with %s are rejected, and the others kept', (_, badTrace, badSpan) => {
    const body = request((spans) => {
      spans.message(2, (one) => one.bytes(1, badTrace).bytes(2, badSpan))
      spans.message(2, (one) => one.bytes(1, traceId).bytes(2, spanId))
    })
    const { spans, rejected, reason } = decodeProtobuf(body)
    expect(spans).toHaveLength(1)
    expect(rejected).toBe(1)
    expect(reason).toMatch(/must be \d+ bytes/)
  })

  it('with times beyond what is kept are rejected', () => {
    const late = Buffer.alloc(8, 0xff)
    expect(decodeProtobuf(span((one) => one.raw(7, 1, late)))).toMatchObject({ rejected: 1 })
  })
})

describe('limits', () => {
  it('refuse a million spans before one is made', () => {
    // Two bytes each: an empty message in field 2.
    const spans = Buffer.alloc(2_000_000).fill(Buffer.from([0x12, 0x00]))
    const body = new ProtobufWriter().message(1, (resource) => resource.bytes(2, spans)).finish()
    expect(() => decodeProtobuf(body)).toThrow(`more than ${otlpLimits.spans} spans`)
  })

  it('refuse values that nest too deep', () => {
    let value: Uint8Array = new ProtobufWriter().bool(2, true).finish()
    for (let depth = 0; depth < 1000; depth++) {
      const inner = value
      value = new ProtobufWriter().message(5, (list) => list.bytes(1, inner)).finish()
    }
    const body = span((one) => one.message(9, (pair) => pair.string(1, 'deep').bytes(2, value)))
    expect(() => decodeProtobuf(body)).toThrow(/nest deeper/)
  })

  it('refuse JSON that nests too deep', () => {
    const deep = '{"arrayValue":{"values":['.repeat(1000) + ']}}'.repeat(1000)
    const body = `{"resourceSpans":[{"resource":{"attributes":[{"key":"k","value":${deep}}]}}]}`
    expect(() => decodeJson(Buffer.from(body))).toThrow()
  })

  it('refuse more values than fit', () => {
    const values = Buffer.alloc(2 * (otlpLimits.values + 1)).fill(Buffer.from([0x0a, 0x00]))
    const body = span((one) => one.message(9, (pair) => pair.message(2, (value) => value.bytes(5, values))))
    expect(() => decodeProtobuf(body)).toThrow(/values/)
  })
})

describe('JSON that is no request', () => {
  it.each([
    '[]',
    'null_',
    '{"resourceSpans":{}}',
    '{"resourceSpans":[1]}',
    '{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":1}]}]}]}',
    '{"resourceSpans":[{"scopeSpans":[{"spans":[{"startTimeUnixNano":1.5}]}]}]}',
    '{"resourceSpans":[{"resource":{"attributes":[{"key":"k","value":{"doubleValue":"x"}}]}}]}',
  ])('%s is refused', (text) => {
    expect(() => decodeJson(Buffer.from(text))).toThrow()
  })
})

describe('an attribute given back', () => {
  it.each([
    ['"text"', '{"string_value":"text"}'],
    ['true', '{"bool_value":true}'],
    ['-9223372036854775808', '{"int_value":-9223372036854775808}'],
    ['3.0', '{"double_value":3}'],
    ['NaN', '{"double_value":"NaN"}'],
    ['null', '{}'],
    ['[1,"x"]', '{"array_value":{"values":[{"int_value":1},{"string_value":"x"}]}}'],
    [
      '{"__proto__":9007199254740993}',
      '{"kvlist_value":{"values":[{"key":"__proto__","value":{"int_value":9007199254740993}}]}}',
    ],
    ['no JSON', '{"string_value":"no JSON"}'],
  ])('%s becomes %s', (json, expected) => {
    expect(JSON.stringify(anyValue(json))).toBe(expected)
  })
})
