import { describe, expect, it } from 'vitest'
import { errorCode, frameType } from './codes.ts'
import { encodeHeaders } from './hpack-encoder.ts'
import type { HeaderList } from './hpack-encoder.ts'
import {
  ack,
  block,
  blockWith,
  Client,
  connection,
  endHeaders,
  endStream,
  frame,
  number,
  open1,
  padded,
  preface,
  prioritized,
  stream,
  turn,
  verdict,
  whole,
  wish,
} from './scripted-client.ts'

const { data, headers, priority, resetStream, settings, pushPromise, ping, goaway, windowUpdate, continuation } =
  frameType
const { protocol, flowControl, streamClosed, frameSize, refusedStream, compression, enhanceYourCalm } = errorCode

const whole1 = frame(headers, whole, 1, block)
const headed = (...fields: HeaderList): Buffer => frame(headers, whole, 1, encodeHeaders(fields))
const more = (...fields: HeaderList): Buffer => frame(headers, whole, 1, blockWith(...fields))

/** What a client may send after its SETTINGS, with the section of RFC 9113 that says what it deserves. */
const cases: readonly [string, string, readonly Uint8Array[], string][] = [
  ['4.1', 'an unknown frame', [frame(77, 255, 3, Buffer.alloc(9))], 'fine'],
  ['4.1', 'a stream with the reserved bit', [frame(windowUpdate, 0, 0x80000000, number(1))], 'fine'],
  [
    '4.2',
    'a frame larger than allowed',
    [open1, frame(data, 0, 1, Buffer.alloc(256 * 1024 + 1))],
    connection(frameSize),
  ],
  ['4.3', 'a damaged header block', [frame(headers, whole, 1, Buffer.of(0x80))], connection(compression)],
  ['5.1', 'data on an idle stream', [frame(data, 0, 1)], connection(protocol)],
  ['5.1', 'a reset of an idle stream', [frame(resetStream, 0, 1, number(8))], connection(protocol)],
  ['5.1', 'a window of an idle stream', [frame(windowUpdate, 0, 1, number(1))], connection(protocol)],
  ['5.1', 'data after the end', [whole1, frame(data, 0, 1, Buffer.alloc(1))], stream(streamClosed)],
  ['5.1', 'headers after the end', [whole1, frame(headers, whole, 1, block)], stream(streamClosed)],
  ['5.1', 'a window after the end', [whole1, frame(windowUpdate, 0, 1, number(1))], 'fine'],
  ['5.1', 'data after a reset', [open1, frame(resetStream, 0, 1, number(8)), frame(data, 0, 1)], stream(streamClosed)],
  ['5.1', 'headers after a reset', [open1, frame(resetStream, 0, 1, number(8)), whole1], connection(streamClosed)],
  [
    '5.1',
    'a window and a reset after a reset',
    [
      open1,
      frame(resetStream, 0, 1, number(8)),
      frame(windowUpdate, 0, 1, number(1)),
      frame(resetStream, 0, 1, number(8)),
    ],
    'fine',
  ],
  ['5.1.1', 'an even stream', [frame(headers, whole, 2, block)], connection(protocol)],
  [
    '5.1.1',
    'a lower stream',
    [frame(headers, endHeaders, 5, block), frame(headers, whole, 3, block)],
    connection(protocol),
  ],
  [
    '5.1.2',
    'a stream too many',
    [3, 5, 7, 1 + 8].map((id) => frame(headers, endHeaders, id, block)),
    stream(refusedStream),
  ],
  ['6.1', 'data of no stream', [frame(data, 0, 0, Buffer.alloc(1))], connection(protocol)],
  ['6.1', 'padding beyond the frame', [open1, frame(data, padded, 1, Buffer.of(9, 1))], connection(protocol)],
  ['6.2', 'headers of no stream', [frame(headers, whole, 0, block)], connection(protocol)],
  ['6.2', 'headers padded beyond', [frame(headers, whole | padded, 1, Buffer.of(99, 0x82))], connection(protocol)],
  [
    '6.2',
    'headers shorter than their priority',
    [frame(headers, whole | prioritized, 1, Buffer.alloc(4))],
    connection(frameSize),
  ],
  [
    '6.2',
    'headers padded and with a priority',
    [
      frame(
        headers,
        whole | padded | prioritized,
        1,
        Buffer.concat([Buffer.of(2, 0, 0, 0, 3, 9), block, Buffer.alloc(2)]),
      ),
    ],
    'fine',
  ],
  ['6.3', 'a priority of no stream', [frame(priority, 0, 0, Buffer.alloc(5))], connection(protocol)],
  ['6.3', 'a priority of four bytes', [frame(priority, 0, 1, Buffer.alloc(4))], connection(frameSize)],
  ['6.3', 'a priority of an idle stream', [frame(priority, 0, 9, Buffer.of(0, 0, 0, 1, 1))], 'fine'],
  [
    '6.3',
    'a stream that depends on itself',
    [open1, frame(priority, 0, 1, Buffer.of(0, 0, 0, 1, 1))],
    stream(protocol),
  ],
  [
    '6.3',
    'headers that depend on themselves',
    [frame(headers, whole | prioritized, 1, Buffer.concat([Buffer.of(0, 0, 0, 1, 9), block]))],
    stream(protocol),
  ],
  ['6.4', 'a reset of no stream', [frame(resetStream, 0, 0, number(8))], connection(protocol)],
  ['6.4', 'a reset of three bytes', [open1, frame(resetStream, 0, 1, Buffer.alloc(3))], connection(frameSize)],
  ['6.5', 'settings of a stream', [frame(settings, 0, 1)], connection(protocol)],
  ['6.5', 'settings of five bytes', [frame(settings, 0, 0, Buffer.alloc(5))], connection(frameSize)],
  ['6.5', 'settings acknowledged with content', [frame(settings, ack, 0, wish(3, 1))], connection(frameSize)],
  ['6.5.2', 'a push setting of 2', [frame(settings, 0, 0, wish(2, 2))], connection(protocol)],
  ['6.5.2', 'a window of 2 GiB', [frame(settings, 0, 0, wish(4, 2 ** 31))], connection(flowControl)],
  ['6.5.2', 'frames below 16 KiB', [frame(settings, 0, 0, wish(5, 16_383))], connection(protocol)],
  ['6.5.2', 'frames of 16 MiB', [frame(settings, 0, 0, wish(5, 2 ** 24))], connection(protocol)],
  ['6.6', 'a push', [frame(pushPromise, endHeaders, 1, Buffer.concat([number(2), block]))], connection(protocol)],
  ['6.7', 'a ping of a stream', [frame(ping, 0, 1, Buffer.alloc(8))], connection(protocol)],
  ['6.7', 'a ping of seven bytes', [frame(ping, 0, 0, Buffer.alloc(7))], connection(frameSize)],
  ['6.7', 'an answer to no ping', [frame(ping, ack, 0, Buffer.alloc(8))], 'fine'],
  ['6.8', 'a goaway of a stream', [frame(goaway, 0, 1, Buffer.alloc(8))], connection(protocol)],
  ['6.8', 'a goaway', [frame(goaway, 0, 0, Buffer.alloc(8)), whole1], 'fine'],
  ['6.9', 'a window of three bytes', [frame(windowUpdate, 0, 0, Buffer.alloc(3))], connection(frameSize)],
  ['6.9', 'a window opened by nothing', [frame(windowUpdate, 0, 0, number(0))], connection(protocol)],
  ['6.9', 'a stream opened by nothing', [open1, frame(windowUpdate, 0, 1, number(0))], stream(protocol)],
  ['6.9.1', 'a window too large', [frame(windowUpdate, 0, 0, number(2 ** 31 - 1))], connection(flowControl)],
  ['6.9.1', 'a stream too wide', [open1, frame(windowUpdate, 0, 1, number(2 ** 31 - 1))], stream(flowControl)],
  [
    '6.9.2',
    'settings that make a window too large',
    [open1, frame(windowUpdate, 0, 1, number(2 ** 30)), frame(settings, 0, 0, wish(4, 2 ** 31 - 1))],
    connection(flowControl),
  ],
  ['6.10', 'a continuation of nothing', [frame(continuation, endHeaders, 1, block)], connection(protocol)],
  [
    '6.10',
    'a ping within headers',
    [frame(headers, endStream, 1, block), frame(ping, 0, 0, Buffer.alloc(8))],
    connection(protocol),
  ],
  [
    '6.10',
    'a continuation of another stream',
    [frame(headers, endStream, 1, block), frame(continuation, 4, 3)],
    connection(protocol),
  ],
  [
    '6.10',
    'an unknown frame within headers',
    [frame(headers, endStream, 1, block), frame(77, 0, 1)],
    connection(protocol),
  ],
  [
    '6.10',
    'headers in three pieces',
    [
      frame(headers, endStream, 1, block.subarray(0, 2)),
      frame(continuation, 0, 1),
      frame(continuation, 4, 1, block.subarray(2)),
    ],
    'fine',
  ],
  ['8.1', 'trailers', [open1, frame(headers, whole, 1, encodeHeaders([['x-sum', '1']]))], 'fine'],
  [
    '8.1',
    'trailers that end nothing',
    [open1, frame(headers, endHeaders, 1, encodeHeaders([['x-sum', '1']]))],
    stream(protocol),
  ],
  [
    '8.1',
    'trailers with a pseudo-field',
    [open1, frame(headers, whole, 1, encodeHeaders([[':path', '/']]))],
    stream(protocol),
  ],
  [
    '8.1.1',
    'more content than declared',
    [frame(headers, endHeaders, 1, blockWith(['content-length', '1'])), frame(data, 0, 1, Buffer.alloc(2))],
    stream(protocol),
  ],
  [
    '8.1.1',
    'less content than declared',
    [frame(headers, endHeaders, 1, blockWith(['content-length', '3'])), frame(data, endStream, 1, Buffer.alloc(2))],
    stream(protocol),
  ],
  ['8.1.1', 'no content though declared', [more(['content-length', '3'])], stream(protocol)],
  ['8.1.1', 'two lengths', [more(['content-length', '0'], ['content-length', '1'])], stream(protocol)],
  ['8.1.1', 'one length twice', [more(['content-length', '0'], ['content-length', '0'])], 'fine'],
  ['8.1.1', 'a length that is none', [more(['content-length', '-1'])], stream(protocol)],
  ['8.2.1', 'capitals in a name', [more(['X-a', '1'])], stream(protocol)],
  ['8.2.1', 'a blank in a name', [more(['x a', '1'])], stream(protocol)],
  ['8.2.1', 'no name', [more(['', '1'])], stream(protocol)],
  ['8.2.1', 'a line end in a value', [more(['x', '1\r\ny: 2'])], stream(protocol)],
  ['8.2.1', 'NUL in a value', [more(['x', '\0'])], stream(protocol)],
  ['8.2.1', 'a blank before a value', [more(['x', ' 1'])], stream(protocol)],
  ['8.2.2', 'a field of HTTP/1.1', [more(['connection', 'close'])], stream(protocol)],
  ['8.2.2', 'te of another kind', [more(['te', 'gzip'])], stream(protocol)],
  ['8.2.2', 'te of trailers', [more(['te', 'trailers'])], 'fine'],
  ['8.3', 'an unknown pseudo-field', [more([':x', '1'])], stream(protocol)],
  ['8.3', 'a pseudo-field of answers', [more([':status', '200'])], stream(protocol)],
  ['8.3', 'a pseudo-field twice', [more([':path', '/a'])], stream(protocol)],
  ['8.3', 'a pseudo-field after others', [more(['x', '1'], [':authority', 'a'])], stream(protocol)],
  ['8.3.1', 'no method', [headed([':scheme', 'http'], [':path', '/'])], stream(protocol)],
  ['8.3.1', 'no scheme', [headed([':method', 'GET'], [':path', '/'])], stream(protocol)],
  ['8.3.1', 'no path', [headed([':method', 'GET'], [':scheme', 'http'])], stream(protocol)],
  ['8.3.1', 'an empty path', [headed([':method', 'GET'], [':scheme', 'http'], [':path', ''])], stream(protocol)],
  [
    '8.5',
    'CONNECT with a path',
    [headed([':method', 'CONNECT'], [':authority', 'a'], [':path', '/'])],
    stream(protocol),
  ],
  ['8.5', 'CONNECT', [headed([':method', 'CONNECT'], [':authority', 'a'])], 'fine'],
  ['10.5.1', 'headers of 17 kB', [more(['x', 'a'.repeat(17_000)])], stream(enhanceYourCalm)],
  [
    '10.5.1',
    'headers of 70 kB',
    [frame(headers, endStream, 1, Buffer.alloc(60_000)), frame(continuation, endHeaders, 1, Buffer.alloc(10_000))],
    connection(enhanceYourCalm),
  ],
]

describe('a connection', () => {
  it.each(cases)('(RFC 9113, %s) takes %s as it should', (_, __, frames, expected) => {
    const client = new Client()
    client.hello()
    client.send(...frames)
    expect(verdict(client)).toBe(expected)
  })

  it('says its limits once the client speaks, and nothing to others', () => {
    const client = new Client()
    client.send(preface)
    expect(client.take()).toEqual([])
    client.send(frame(settings))
    expect(client.take().map(({ type, flags }) => [type, flags])).toEqual([
      [settings, 0],
      [windowUpdate, 0],
      [settings, ack],
    ])
    const browser = new Client()
    browser.send(Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n'))
    expect(browser.take()).toEqual([])
    expect(browser.done).toMatchObject({ code: protocol })
  })

  it('must begin with settings', () => {
    const client = new Client()
    client.send(preface, frame(ping, 0, 0, Buffer.alloc(8)))
    const [first, , last] = client.take()
    expect([first?.type, last?.type, last?.payload.readUInt32BE(4)]).toEqual([settings, goaway, protocol])
  })

  it('gives requests to their readers, whole', () => {
    const client = new Client()
    client.hello()
    client.send(open1, frame(data, padded, 1, Buffer.from('\u0002ab..')), frame(headers, endHeaders, 3, block))
    client.send(frame(data, endStream, 3, Buffer.from('x')), frame(data, endStream, 1))
    expect(client.heard).toEqual(['1 ab', '3 x', '3 end', '1 end'])
    expect(client.streams.map(({ method, path }) => `${method} ${path}`)).toEqual(['POST /a', 'POST /a'])
  })

  it('tolerates what was on its way to a stream that it has reset', async () => {
    const client = new Client()
    client.hello()
    client.open(1)
    client.streams[0]?.reset(errorCode.cancel)
    await turn()
    expect(verdict(client)).toBe(stream(errorCode.cancel))
    client.send(frame(data, 0, 1, Buffer.alloc(9)), frame(headers, whole, 1, block))
    expect(verdict(client)).toBe('fine')
    expect(client.closed).toEqual([1])
  })

  it('takes no more than its windows allow', () => {
    const client = new Client((opened) => opened.incoming.pause())
    client.hello()
    client.open(1)
    const piece = frame(data, 0, 1, Buffer.alloc(256 * 1024))
    client.send(piece, piece, piece, piece)
    expect(verdict(client)).toBe('fine')
    client.send(frame(data, 0, 1, Buffer.alloc(1)))
    expect(verdict(client)).toBe(stream(flowControl))
  })

  it('opens its windows by what was read, not by what has come', async () => {
    const client = new Client((opened) => opened.incoming.pause())
    client.hello()
    client.open(1)
    const piece = frame(data, 0, 1, Buffer.alloc(256 * 1024))
    client.send(piece, piece)
    expect(client.take()).toEqual([])
    client.streams[0]?.incoming.resume()
    await turn()
    expect(client.take().map(({ type, stream: id, payload }) => [type, id, payload.readUInt32BE(0)])).toEqual([
      [windowUpdate, 1, 512 * 1024],
    ])
  })

  it('keeps pieces that wait in their order, however small', () => {
    const client = new Client((opened) => opened.incoming.pause())
    client.hello()
    client.open(1)
    const pieces = Array.from({ length: 3000 }, (_, i) => Buffer.alloc(i % 7 === 0 ? 1200 : 3, i % 251))
    for (const piece of pieces.slice(0, 800)) client.send(frame(data, 0, 1, piece))
    const all = Buffer.concat(pieces.slice(0, 800)).toString('latin1')
    client.streams[0]?.incoming.resume()
    expect(client.heard.map((line) => line.slice(2)).join('')).toBe(all)
    expect(client.heard.length).toBeLessThan(400)
  })
})

describe('a connection that is dismissed', () => {
  it('refuses nothing that was on its way, and is done with the last of it', async () => {
    const client = new Client()
    client.hello()
    client.open(1)
    client.connection.dismiss()
    await turn()
    const [first, question] = client.take()
    expect([first?.type, first?.payload.readUInt32BE(0)]).toEqual([goaway, 2 ** 31 - 1])
    client.open(3)
    client.send(frame(ping, ack, 0, question?.payload))
    const [second] = client.take()
    expect([second?.type, second?.payload.readUInt32BE(0)]).toEqual([goaway, 3])
    client.open(5)
    client.send(frame(data, endStream, 5, Buffer.alloc(9)))
    expect(client.take()).toEqual([])
    expect(client.streams).toHaveLength(2)
    for (const opened of client.streams) {
      expect(client.done).toBeUndefined()
      opened.respond(block)
      opened.end()
      client.send(frame(data, endStream, opened.id))
    }
    await turn()
    expect(client.done).toBe(true)
  })
})
