import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { errorCode, frameType } from './codes.ts'
import { ack, block, Client, endStream, frame, number, stream, turn, verdict, whole, wish } from './scripted-client.ts'

const { data, headers, priority, resetStream, settings, ping, goaway, windowUpdate, continuation } = frameType
const { enhanceYourCalm } = errorCode

describe('a client', () => {
  const many = (count: number, make: (i: number) => Uint8Array): Buffer =>
    Buffer.concat(Array.from({ length: count }, (_, i) => make(i)))
  const opening = (i: number): Buffer => frame(headers, whole, 2 * i + 1, block)
  const cancelled = (i: number): Buffer =>
    Buffer.concat([opening(i), frame(resetStream, 0, 2 * i + 1, number(errorCode.cancel))])

  const floods: readonly [string, (i: number) => Uint8Array][] = [
    ['opens and resets streams (CVE-2023-44487)', cancelled],
    [
      'makes the server reset streams (CVE-2025-8671)',
      (i) => Buffer.concat([opening(i), frame(windowUpdate, 0, 2 * i + 1, number(0))]),
    ],
    ['sends malformed requests', (i) => frame(headers, whole, 2 * i + 1, Buffer.of(0x82))],
    ['opens more streams than allowed', opening],
    ['pings', () => frame(ping, 0, 0, Buffer.alloc(8))],
    ['sends settings', () => frame(settings)],
    ['acknowledges settings', () => frame(settings, ack)],
    ['sends priorities', (i) => frame(priority, 0, 2 * i + 3, Buffer.of(0, 0, 0, 1, 1))],
    ['opens its window', () => frame(windowUpdate, 0, 0, number(1))],
    ['says goodbye', () => frame(goaway, 0, 0, Buffer.alloc(8))],
    ['sends unknown frames', () => frame(99)],
  ]

  it.each(floods)('that %s without end is sent away', (_, make) => {
    const client = new Client()
    client.hello()
    client.send(many(9, make))
    expect(client.done).toBeUndefined()
    client.send(many(20_000, (i) => make(i + 9)))
    expect(client.done).toMatchObject({ code: enhanceYourCalm })
    expect(client.take().at(-1)).toMatchObject({ type: goaway })
    expect(client.closed).toHaveLength(client.streams.length)
  })

  it('that sends empty pieces without end is sent away', () => {
    const client = new Client()
    client.hello()
    client.open(1)
    client.send(many(20_000, () => frame(data, 0, 1)))
    expect(client.done).toMatchObject({ code: enhanceYourCalm })
  })

  it('that continues its headers without end is sent away (CVE-2024-27316)', () => {
    for (const piece of [Buffer.alloc(0), Buffer.alloc(9000)]) {
      const client = new Client()
      client.hello()
      client.send(
        frame(headers, endStream, 1, block),
        many(100, () => frame(continuation, 0, 1, piece)),
      )
      expect(client.done).toMatchObject({ code: enhanceYourCalm })
    }
  })

  it('may give up calls and ping at an honest pace for ever', () => {
    const client = new Client()
    client.hello()
    for (let second = 0; second < 30; second += 1) {
      client.nowMs = 1000 * second
      client.send(many(900, (i) => cancelled(900 * second + i)))
      client.send(many(900, () => frame(ping, 0, 0, Buffer.alloc(8))))
    }
    expect(client.done).toBeUndefined()
  })

  it('may ping with every call', async () => {
    const client = new Client((opened) => {
      opened.respond(block)
      opened.end()
    })
    client.hello()
    for (let call = 0; call < 30_000; call += 1)
      client.send(frame(ping, 0, 0, Buffer.alloc(8)), frame(windowUpdate, 0, 0, number(5)), opening(call))
    await turn()
    expect(client.done).toBeUndefined()
  })

  it('that pings and never reads is sent away', () => {
    const client = new Client((opened) => {
      opened.respond(block)
      opened.write(Buffer.alloc(60_000))
      opened.end()
    })
    client.hello(wish(4, 2 ** 30))
    client.send(frame(windowUpdate, 0, 0, number(2 ** 30)))
    client.reads = false
    for (let call = 0; call < 30; call += 1) client.send(opening(call))
    for (let turns = 0; turns < 30 && client.done === undefined; turns += 1) {
      client.nowMs += 1000
      client.send(many(1000, () => frame(ping, 0, 0, Buffer.alloc(8))))
    }
    expect(client.done).toMatchObject({ code: enhanceYourCalm })
  })

  it('that unpacks headers from the table has its requests refused (HPACK bomb)', () => {
    const client = new Client()
    client.hello()
    const insert = Buffer.concat([block, Buffer.from('4001787fa11d', 'hex'), Buffer.alloc(3872, 'a')])
    client.send(frame(headers, whole, 1, insert))
    client.send(frame(headers, whole, 3, Buffer.concat([block, Buffer.alloc(16_000, 0xbe)])))
    expect(verdict(client)).toBe(stream(enhanceYourCalm))
    expect(client.streams).toHaveLength(1)
  })

  it('that sends anything at all gets frames, and leaves nothing open when it goes', async () => {
    const anyFrame = fc
      .record({
        type: fc.oneof({ weight: 5, arbitrary: fc.constantFrom(0, 1, 8, 3) }, { weight: 1, arbitrary: fc.nat(12) }),
        flags: fc.constantFrom(0, 1, 4, 5, 8, 12, 13, 32, 37),
        id: fc.nat(9),
        payload: fc.oneof(fc.constant(block), fc.uint8Array({ maxLength: 40 }), fc.constant(number(1))),
      })
      .map(({ type, flags, id, payload }) => frame(type, flags, id, payload))
    await fc.assert(
      fc.asyncProperty(fc.array(anyFrame, { maxLength: 40 }), fc.integer({ min: 1, max: 50 }), async (list, size) => {
        const client = new Client((opened) => {
          opened.respond(block)
          opened.write(Buffer.alloc(10))
          if (opened.id % 4 === 1) opened.end()
        })
        client.hello()
        const bytes = Buffer.concat(list)
        for (let at = 0; at < bytes.length; at += size) client.send(bytes.subarray(at, at + size))
        await turn()
        client.take()
        client.connection.closed()
        expect(client.closed.toSorted((one, other) => one - other)).toEqual(
          client.streams.map(({ id }) => id).toSorted((one, other) => one - other),
        )
      }),
      { numRuns: 300 },
    )
  })
})
