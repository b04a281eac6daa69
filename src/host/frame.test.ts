import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { datatypes } from '../tensor/index.ts'
import type { Frame, ScatteredTensor } from './frame.ts'
import { frameKinds, jsonFrame, readJsonPayload, readTensorPayload, tensorFrame } from './frame.ts'
import { FrameSplitter } from './frame-splitter.ts'

const tensors: fc.Arbitrary<ScatteredTensor> = fc.record({
  name: fc.string({ unit: 'grapheme', maxLength: 12 }),
  datatype: fc.constantFrom(...datatypes),
  shape: fc.array(fc.nat(2 ** 40), { maxLength: 5 }),
  pieces: fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 4 }),
})
const bodies = fc.record({
  number: fc.double({ noNaN: true }),
  wanted: fc.array(fc.string({ unit: 'grapheme', maxLength: 8 }), { maxLength: 3 }),
  tensors: fc.array(tensors, { maxLength: 4 }),
})

const bytesOf = (pieces: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(pieces))

/** Feeds the bytes in chunks that end at the given places, each in memory of its own at an odd offset. */
const splitAt = (bytes: Uint8Array, cuts: readonly number[]): Frame[] => {
  const splitter = new FrameSplitter()
  const frames: Frame[] = []
  const ends = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b)
  let at = 0
  for (const end of ends) {
    const memory = new Uint8Array(end - at + 3)
    memory.set(bytes.subarray(at, end), 3)
    splitter.push(memory.subarray(3), (frame) => frames.push(frame))
    at = end
  }
  return frames
}

describe('frames', () => {
  it('come back bit for bit, wherever the stream is cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(0xffffffff), bodies), { minLength: 1, maxLength: 4 }),
        fc.array(fc.nat(), { maxLength: 8 }),
        (sent, cuts) => {
          const stream = bytesOf(sent.flatMap(([id, body]) => tensorFrame(frameKinds.run, id, body)))
          const frames = splitAt(stream, cuts)
          expect(frames.map((frame) => [frame.kind, frame.id])).toEqual(sent.map(([id]) => [frameKinds.run, id]))
          for (const [index, frame] of frames.entries()) {
            const body = sent[index]?.[1]
            expect(readTensorPayload(frame.payload)).toEqual({
              ...body,
              tensors: body?.tensors.map(({ pieces, ...rest }) => ({ ...rest, data: bytesOf(pieces) })),
            })
          }
        },
      ),
      { numRuns: 200 },
    )
  })

  it('come back when the stream arrives byte by byte', () => {
    const frame = jsonFrame(frameKinds.log, 7, { level: 'info', text: 'héllo' })
    const stream = bytesOf([frame, frame])
    const frames = splitAt(
      stream,
      Array.from({ length: stream.length }, (_, index) => index),
    )
    expect(frames.map((got) => readJsonPayload(got.payload))).toEqual([
      { level: 'info', text: 'héllo' },
      { level: 'info', text: 'héllo' },
    ])
  })

  it('hold tensors at multiples of 8 bytes, so that typed arrays view them', () => {
    fc.assert(
      fc.property(bodies, fc.array(fc.nat(), { maxLength: 3 }), (body, cuts) => {
        const [frame] = splitAt(bytesOf(tensorFrame(frameKinds.result, 1, body)), cuts)
        for (const tensor of readTensorPayload(frame?.payload ?? new Uint8Array()).tensors)
          expect(tensor.data.byteOffset % 8).toBe(0)
      }),
    )
  })

  it('may carry nothing', () => {
    const empty = Uint8Array.of(8, 0, 0, 0, frameKinds.hello, 0, 0, 0, 5, 0, 0, 0)
    expect(splitAt(empty, [])).toEqual([{ kind: frameKinds.hello, id: 5, payload: new Uint8Array() }])
  })

  it('with much in them are not joined: the pieces of a tensor are sent as they lie', () => {
    const sentOf = (bytes: number): { sent: readonly Uint8Array[]; piece: Uint8Array } => {
      const piece = new Uint8Array(bytes)
      const tensor = { name: 'x', datatype: 'UINT8' as const, shape: [2 * bytes], pieces: [piece, piece] }
      return { sent: tensorFrame(frameKinds.run, 1, { number: 0, wanted: [], tensors: [tensor] }), piece }
    }
    const { sent, piece } = sentOf(16 * 1024)
    expect(sent.filter((part) => part === piece)).toHaveLength(2)
    expect(sentOf(64).sent).toHaveLength(1)
  })
})

describe('FrameSplitter', () => {
  it.each([0, 7, 2 ** 31, 2 ** 32 - 1])('refuses a frame that claims %d bytes before it takes memory', (length) => {
    const header = new Uint8Array(12)
    new DataView(header.buffer).setUint32(0, length, true)
    expect(() => new FrameSplitter().push(header, () => expect.unreachable())).toThrow(/^frame of/)
  })

  it('keeps an unfinished frame to itself', () => {
    const frame = jsonFrame(frameKinds.log, 1, 'x')
    expect(splitAt(new Uint8Array(frame.subarray(0, -1)), [])).toEqual([])
  })
})
