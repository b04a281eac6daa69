import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ConnectionError } from './connection-error.ts'
import { FrameReader } from './frame-reader.ts'
import { frame } from './scripted-client.ts'

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')

/** What a reader tells of bytes; pieces of one DATA frame are joined, since their cuts mean nothing. */
const eventsOf = (chunks: readonly Buffer[]): string[] => {
  const events: string[] = []
  let data = ''
  const reader = new FrameReader({
    begin: (...head) => void events.push(`begin ${head.join(' ')}`),
    frame: (type, flags, stream, payload) =>
      void events.push(`frame ${type} ${flags} ${stream} ${payload.toString('hex')}`),
    data: (piece) => void (data += piece.toString('hex')),
    dataEnd() {
      events.push(`data ${data}`)
      data = ''
    },
  })
  try {
    for (const chunk of chunks) reader.push(chunk)
  } catch (error) {
    if (!(error instanceof ConnectionError)) throw error
    events.push(`error ${error.code}`)
  }
  return events
}

const cut = (bytes: Buffer, sizes: readonly number[]): Buffer[] => {
  const chunks: Buffer[] = []
  for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
    const size = sizes[turn % sizes.length] ?? 1
    chunks.push(bytes.subarray(at, at + size))
    at += size
  }
  return chunks
}

const frames = fc.array(
  fc.record({
    type: fc.nat({ max: 11 }),
    flags: fc.constantFrom(0, 1, 4, 5, 8, 9, 0x20),
    stream: fc.nat({ max: 2 ** 31 - 1 }),
    payload: fc.uint8Array({ maxLength: 400 }),
  }),
  { maxLength: 8 },
)

describe('the reader of frames', () => {
  it('tells the same however the bytes are cut', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 120 }), { minLength: 1, maxLength: 20 })
    fc.assert(
      fc.property(frames, sizes, (list, cuts) => {
        const bytes = Buffer.concat([
          preface,
          ...list.map(({ type, flags, stream, payload }) => frame(type, flags, stream, payload)),
        ])
        const whole = eventsOf([bytes])
        expect(eventsOf(cut(bytes, cuts))).toEqual(whole)
        expect(eventsOf(cut(bytes, [1]))).toEqual(whole)
      }),
    )
  })

  it('leaves out padding and what it does not know', () => {
    const padded = frame(0, 9, 3, Buffer.of(2, 0x61, 0x62, 0, 0))
    expect(eventsOf([preface, padded, frame(99, 0, 1, Buffer.alloc(3)), frame(6, 0, 0, Buffer.alloc(8))])).toEqual([
      'begin 0 9 3 5',
      'data 6162',
      'begin 99 0 1 3',
      'begin 6 0 0 8',
      'frame 6 0 0 0000000000000000',
    ])
  })

  it.each([
    ['more padding than payload', Buffer.of(5, 1, 2), 1],
    ['a padded frame of no bytes', Buffer.alloc(0), 6],
  ])('refuses %s', (_, payload, code) => {
    expect(eventsOf([preface, frame(0, 8, 1, payload)]).at(-1)).toBe(`error ${code}`)
  })

  it('refuses other protocols at their first wrong byte', () => {
    expect(eventsOf([Buffer.from('PRI * HTTP/1.1\r\n')])).toEqual(['error 1'])
    expect(eventsOf([Buffer.from('G')])).toEqual(['error 1'])
  })
})
