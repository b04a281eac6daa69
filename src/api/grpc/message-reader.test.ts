import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AppError } from '../../protocol/index.ts'
import { ByteBudget } from '../budget/index.ts'
import { frameMessage } from './grpc-wire.ts'
import type { Message } from './message-reader.ts'
import { MessageReader } from './message-reader.ts'

const messages = 'messages'

const budgetBytes = 1024 * 1024

const open = (
  bytesMax = 100_000,
  bytes = budgetBytes,
): { reader: MessageReader; taken: Message[]; budget: ByteBudget } => {
  const budget = new ByteBudget(bytes, messages)
  const taken: Message[] = []
  return { reader: new MessageReader({ bytesMax, budget }, (message) => taken.push(message)), taken, budget }
}

const framed = (message: Uint8Array): Buffer => Buffer.concat(frameMessage(message))

const prefix = (flag: number, length: number): Buffer => {
  const bytes = Buffer.alloc(5, flag)
  bytes.writeUInt32BE(length, 1)
  return bytes
}

const codeOf = (run: () => void): string => {
  try {
    run()
  } catch (error) {
    return error instanceof AppError ? error.code : String(error)
  }
  return ''
}

describe('the reader of messages', () => {
  it('finds the same messages however their bytes are cut', () => {
    const messages = fc.array(fc.uint8Array({ maxLength: 3000 }), { maxLength: 6 })
    const cuts = fc.array(fc.integer({ min: 1, max: 2000 }), { minLength: 1, maxLength: 40 })
    fc.assert(
      fc.property(messages, cuts, (sent, sizes) => {
        const { reader, taken, budget } = open()
        const bytes = Buffer.concat(sent.map(framed))
        for (let at = 0, turn = 0; at < bytes.length; turn++) {
          const size = sizes[turn % sizes.length] ?? 1
          reader.push(Buffer.from(bytes.subarray(at, at + size)))
          at += size
        }
        expect(taken.map((message) => new Uint8Array(message.bytes))).toEqual(sent)
        expect(reader.whole).toBe(true)
        for (const message of taken) message.share.release()
        expect(budget.left).toBe(budgetBytes)
      }),
    )
  })

  it('counts what it holds and what it hands over, and gives both back', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 5000 }), fc.nat(4999), (message, cut) => {
        const { reader, taken, budget } = open()
        const bytes = framed(message)
        reader.push(bytes.subarray(0, Math.min(cut, bytes.length - 1)))
        expect(budgetBytes - budget.left).toBeGreaterThanOrEqual(Math.min(cut, bytes.length - 1))
        reader.push(bytes.subarray(Math.min(cut, bytes.length - 1)))
        expect(taken).toHaveLength(1)
        expect(budgetBytes - budget.left).toBeGreaterThanOrEqual(message.length)
        reader.push(bytes.subarray(0, 3))
        reader.release()
        reader.release()
        taken[0]?.share.release()
        taken[0]?.share.release()
        expect(budget.left).toBe(budgetBytes)
      }),
    )
  })

  it('takes memory for what has come, not for what a prefix promises', () => {
    const { reader, budget } = open(2 ** 31 - 1)
    reader.push(Buffer.concat([prefix(0, 2 ** 31 - 1), Buffer.alloc(100)]))
    expect(budgetBytes - budget.left).toBeLessThanOrEqual(1024)
    reader.push(Buffer.alloc(10_000))
    expect(budgetBytes - budget.left).toBeLessThanOrEqual(2 * 10_105)
  })

  it('never takes more than a large message needs', () => {
    const { reader, taken, budget } = open()
    const bytes = framed(new Uint8Array(60_000))
    reader.push(bytes.subarray(0, 40_000))
    expect(budgetBytes - budget.left).toBe(60_005)
    reader.push(bytes.subarray(40_000))
    expect(taken[0]?.share.bytes).toBe(60_005)
  })

  it('knows when it is within a message', () => {
    const { reader } = open()
    expect(reader.whole).toBe(true)
    reader.push(prefix(0, 2).subarray(0, 1))
    expect(reader.whole).toBe(false)
    reader.push(prefix(0, 2).subarray(1))
    expect(reader.whole).toBe(false)
    reader.push(Buffer.alloc(2))
    expect(reader.whole).toBe(true)
  })

  it('passes on which messages are compressed', () => {
    const { reader, taken } = open()
    reader.push(Buffer.concat([prefix(1, 1), Buffer.alloc(1), prefix(0, 0)]))
    expect(taken.map((message) => message.compressed)).toEqual([true, false])
  })

  it.each([1, 5])('refuses by the prefix alone, in pieces of %i', (size) => {
    const pushed = (bytes: Buffer) => () => {
      const { reader } = open(1000)
      for (let at = 0; at < 5; at += size) reader.push(bytes.subarray(at, at + size))
    }
    expect(codeOf(pushed(prefix(0, 1000)))).toBe('')
    expect(codeOf(pushed(prefix(0, 1001)))).toBe('payload_too_large')
    expect(codeOf(pushed(prefix(0, 2 ** 32 - 1)))).toBe('payload_too_large')
    expect(codeOf(pushed(prefix(2, 10)))).toBe('invalid_request')
  })

  it('refuses what its budget has no room for, and leaves nothing behind', () => {
    const { reader, taken, budget } = open(100_000, 5000)
    const whole = framed(new Uint8Array(6000))
    expect(codeOf(() => reader.push(whole))).toBe('server_busy')
    expect(budget.left).toBe(5000)
    reader.push(whole.subarray(0, 1000))
    expect(codeOf(() => reader.push(whole.subarray(1000)))).toBe('server_busy')
    reader.release()
    expect(budget.left).toBe(5000)
    expect(taken).toEqual([])
  })

  it('keeps the last of its budget for small messages', () => {
    const { budget, taken, reader } = open(budgetBytes)
    const limits = { bytesMax: budgetBytes, budget }
    const large = (): MessageReader => new MessageReader(limits, (message) => taken.push(message))
    const message = framed(new Uint8Array(100_000))
    for (let count = 0; count < 9; count++) large().push(message)
    expect(codeOf(() => large().push(message))).toBe('server_busy')
    const grown = large()
    grown.push(message.subarray(0, 30_000))
    expect(codeOf(() => grown.push(message.subarray(30_000, 90_000)))).toBe('server_busy')
    grown.release()
    reader.push(framed(new Uint8Array(60_000)))
    expect(taken.length).toBe(10)
  })
})
