import { deflateSync, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fail } from '../../protocol/index.ts'
import { ByteBudget, Share } from '../budget/index.ts'
import { decompress, errorTrailers, frameMessage, readTimeout, statusText } from './grpc-wire.ts'

const messages = 'messages'

describe('the text of a status', () => {
  it('is printable ASCII and reads back as it was', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 200 }), (text) => {
        const sent = statusText(text)
        expect(sent).toMatch(/^[\x20-\x7e]*$/)
        if (sent.length < 2000) expect(decodeURIComponent(sent)).toBe(text)
      }),
    )
  })

  it('leaves plain text alone and encodes the percent sign', () => {
    expect(statusText("model 'a': 5 > 3")).toBe("model 'a': 5 > 3")
    expect(statusText('100%\n')).toBe('100%25%0A')
    expect(statusText('Größe')).toBe('Gr%C3%B6%C3%9Fe')
  })

  it('is cut between characters', () => {
    for (const text of ['a'.repeat(5000), '€'.repeat(5000), `a${'😀'.repeat(5000)}`]) {
      const sent = statusText(text)
      expect(sent.length).toBeLessThanOrEqual(2048)
      expect(sent.length).toBeGreaterThan(2030)
      expect(text.startsWith(decodeURIComponent(sent))).toBe(true)
    }
  })
})

describe('grpc-timeout', () => {
  it.each([
    ['1H', 3_600_000],
    ['2M', 120_000],
    ['3S', 3000],
    ['250m', 250],
    ['1500u', 1.5],
    ['1n', 1e-6],
    ['0S', 0],
    ['99999999H', 99_999_999 * 3_600_000],
  ])('%s', (header, ms) => expect(readTimeout(header)).toBeCloseTo(ms, 9))

  it('may be absent', () => expect(readTimeout(undefined)).toBeUndefined())

  it.each(['', '1', 'S', '-1S', '1.5S', '123456789S', '1s', '1S ', '1S,2S', '１S'])('refuses %j', (header) => {
    expect(() => readTimeout(header)).toThrow(/grpc-timeout/)
  })
})

describe('the frame of a message', () => {
  it('is its prefix and its bytes, whatever its size', () => {
    for (const size of [0, 1, 65_536, 65_537]) {
      const message = new Uint8Array(size).fill(7)
      const bytes = Buffer.concat(frameMessage(message))
      expect(bytes.length).toBe(size + 5)
      expect(bytes[0]).toBe(0)
      expect(bytes.readUInt32BE(1)).toBe(size)
      expect(bytes.subarray(5).equals(message)).toBe(true)
    }
  })
})

describe('a compressed message', () => {
  const message = (bytes: Buffer, budget = new ByteBudget(1e9, messages)) => ({
    bytes,
    compressed: true,
    share: new Share(budget),
  })

  it('is what it was', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200_000 }), async (bytes) => {
        expect(await decompress(message(gzipSync(bytes)), 'gzip', 1e6)).toEqual(Buffer.from(bytes))
        expect(await decompress(message(deflateSync(bytes)), 'deflate', 1e6)).toEqual(Buffer.from(bytes))
      }),
      { numRuns: 20 },
    )
  })

  it('counts its content to the share it came with', async () => {
    const sent = message(gzipSync(Buffer.alloc(300_000)))
    await decompress(sent, 'gzip', 300_000)
    expect(sent.share.bytes).toBe(300_000)
  })

  it('is refused as soon as its content is too large', async () => {
    const budget = new ByteBudget(1e9, messages)
    const bomb = message(gzipSync(Buffer.alloc(50_000_000)), budget)
    await expect(decompress(bomb, 'gzip', 1_000_000)).rejects.toMatchObject({ code: 'payload_too_large' })
    expect(1e9 - budget.left).toBeLessThanOrEqual(1_000_000)
  })

  it('is refused when the budget has no room for its content', async () => {
    const bytes = gzipSync(Buffer.alloc(1_000_000))
    await expect(decompress(message(bytes, new ByteBudget(200_000, messages)), 'gzip', 1e9)).rejects.toMatchObject({
      code: 'server_busy',
    })
  })

  it('is refused when it is damaged, cut short or of no known encoding', async () => {
    const bytes = gzipSync(Buffer.from('some bytes that are compressed'))
    for (const damaged of [Buffer.from('plain'), bytes.subarray(0, 20), Buffer.alloc(0)])
      await expect(decompress(message(damaged), 'gzip', 1e6)).rejects.toMatchObject({ code: 'invalid_request' })
    await expect(decompress(message(bytes), 'identity', 1e6)).rejects.toThrow(/marked as compressed/)
  })
})

describe('the trailers of a failure', () => {
  it('say its status, its sentence, its code and when to come back', () => {
    expect(errorTrailers(fail('server_busy', { what: messages }))).toEqual({
      'grpc-status': '8',
      'grpc-message': 'the server holds as much as it may of messages',
      'slipway-error': 'server_busy',
      'grpc-retry-pushback-ms': '1000',
    })
    expect(errorTrailers(fail('invalid_request', { reason: 'no' }))).not.toHaveProperty('grpc-retry-pushback-ms')
  })
})
