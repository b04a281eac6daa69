import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { errorCode, frameType } from './codes.ts'
import { encodeHeaders } from './hpack-encoder.ts'
import type { Frame } from './scripted-client.ts'
import {
  Client,
  endHeaders,
  endStream,
  frame,
  limits,
  number,
  stream,
  turn,
  verdict,
  whole,
  wish,
} from './scripted-client.ts'

const { data, headers, settings, windowUpdate } = frameType
const { enhanceYourCalm } = errorCode

describe('an answer', () => {
  const answer = encodeHeaders([[':status', '200']])
  const trailers = encodeHeaders([['grpc-status', '0']])
  const contentOf = (frames: readonly Frame[], id = 1): Buffer =>
    Buffer.concat(frames.filter(({ type, stream: of }) => type === data && of === id).map(({ payload }) => payload))

  it('leaves at once, with its end, and closes its stream', async () => {
    const client = new Client((opened) => {
      opened.respond(answer)
      opened.write(Buffer.from('hello'))
      opened.end(trailers)
    })
    client.hello()
    client.open(1, whole)
    await turn()
    expect(client.take().map(({ type, flags }) => [type, flags])).toEqual([
      [headers, endHeaders],
      [data, 0],
      [headers, whole],
    ])
    expect(client.closed).toEqual([1])
  })

  it.each([
    ['of nothing', [], [[headers, whole]]],
    [
      'without trailers',
      ['a'],
      [
        [headers, endHeaders],
        [data, endStream],
      ],
    ],
  ])('%s ends with its last frame', async (_, pieces, expected) => {
    const client = new Client((opened) => {
      opened.respond(answer)
      for (const piece of pieces) opened.write(Buffer.from(piece))
      opened.end()
    })
    client.hello()
    client.open(1, whole)
    await turn()
    expect(client.take().map(({ type, flags }) => [type, flags])).toEqual(expected)
  })

  it('is whole, within the windows and frames of its client, however it is written', async () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 60_000 }), { minLength: 1, maxLength: 8 })
    await fc.assert(
      fc.asyncProperty(sizes, fc.integer({ min: 1, max: 100_000 }), async (pieces, window) => {
        const client = new Client()
        client.hello(wish(4, window))
        client.open(1, whole)
        const sent = pieces.map((size, i) => Buffer.alloc(size, i + 1))
        const [opened] = client.streams
        opened?.respond(answer)
        for (const piece of sent) opened?.write(piece)
        opened?.end(trailers)
        const frames: Frame[] = []
        let granted = Math.min(window, 65_535)
        for (let round = 0; round < 1000 && client.closed.length === 0; round += 1) {
          await turn()
          frames.push(...client.take())
          expect(contentOf(frames).length).toBeLessThanOrEqual(granted)
          granted += 40_000
          client.send(frame(windowUpdate, 0, 0, number(40_000)), frame(windowUpdate, 0, 1, number(40_000)))
        }
        frames.push(...client.take())
        expect(contentOf(frames).equals(Buffer.concat(sent))).toBe(true)
        for (const { payload } of frames) expect(payload.length).toBeLessThanOrEqual(16_384)
        expect(frames.at(-1)).toMatchObject({ type: headers, flags: whole })
      }),
      { numRuns: 40 },
    )
  })

  it('waits while settings make its window negative', async () => {
    const client = new Client()
    client.hello(wish(4, 100))
    client.open(1, whole)
    const [opened] = client.streams
    opened?.respond(answer)
    opened?.write(Buffer.alloc(200))
    await turn()
    expect(contentOf(client.take())).toHaveLength(100)
    client.send(frame(settings, 0, 0, wish(4, 10)), frame(windowUpdate, 0, 1, number(90)))
    expect(contentOf(client.take())).toHaveLength(0)
    client.send(frame(windowUpdate, 0, 1, number(7)))
    expect(contentOf(client.take())).toHaveLength(7)
    client.send(frame(settings, 0, 0, wish(4, 1000)))
    expect(contentOf(client.take())).toHaveLength(93)
  })

  it('shares the connection with others', async () => {
    const client = new Client()
    client.hello(wish(4, 2 ** 30))
    for (const id of [1, 3]) client.open(id, whole)
    for (const opened of client.streams) {
      opened.respond(answer)
      opened.write(Buffer.alloc(500_000))
      opened.end()
    }
    await turn()
    client.send(frame(windowUpdate, 0, 0, number(1_000_000)))
    await client.catchUp()
    const order = client.take().filter(({ type }) => type === data)
    const firstOf3 = order.findIndex((sent) => sent.stream === 3)
    expect(firstOf3).toBeLessThan(order.findLastIndex((sent) => sent.stream === 1))
    expect(client.closed.toSorted((one, other) => one - other)).toEqual([1, 3])
  })

  it('tells its writer to wait, and when to go on', async () => {
    const client = new Client()
    client.hello()
    client.open(1)
    const [opened] = client.streams
    opened?.respond(answer)
    expect(opened?.write(Buffer.alloc(1000))).toBe(true)
    expect(opened?.write(Buffer.alloc(100_000))).toBe(false)
    let drained = false
    opened?.outgoing.whenDrained(() => (drained = true))
    await turn()
    expect(drained).toBe(false)
    client.send(frame(windowUpdate, 0, 0, number(100_000)), frame(windowUpdate, 0, 1, number(100_000)))
    expect(drained).toBe(true)
  })

  it('empties the table of a client that wants a smaller one', async () => {
    const client = new Client((opened) => {
      opened.respond(answer)
      opened.end(trailers)
    })
    client.hello(wish(1, 0))
    client.open(1, whole)
    await turn()
    expect(client.take().map(({ payload }) => payload[0])).toEqual([0x20, trailers[0]])
  })

  it('that piles up is cut, and further streams are refused', async () => {
    const client = new Client()
    client.hello(wish(4, 0))
    for (const id of [1, 3, 5]) client.open(id, whole)
    for (const opened of client.streams) {
      opened.respond(answer)
      opened.write(Buffer.alloc(limits.waitingBytesMax))
    }
    await turn()
    expect(verdict(client)).toBe(stream(enhanceYourCalm))
    expect(client.closed).toEqual([5])
    client.open(7)
    expect(verdict(client)).toBe(stream(enhanceYourCalm))
  })
})
