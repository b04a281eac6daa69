import { createServer, get } from 'node:http'
import type { IncomingMessage, Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { expect, it } from 'vitest'
import { sendStream } from './send-stream.ts'

const pieceBytes = 1024 * 1024

interface Source {
  pieces: AsyncIterable<Uint8Array>
  given: Uint8Array[]
  /** Settled once nobody reads any more. */
  ended: Promise<void>
}

const sourceOf = (count: number, fails?: Error): Source => {
  const given: Uint8Array[] = []
  const { promise: ended, resolve } = Promise.withResolvers<void>()
  const pieces = async function* (): AsyncGenerator<Uint8Array> {
    try {
      for (let index = 0; index < count; index++) {
        const piece = new Uint8Array(pieceBytes).fill(index)
        given.push(piece)
        yield await Promise.resolve(piece)
      }
      if (fails !== undefined) throw fails
    } finally {
      resolve()
    }
  }
  return { pieces: pieces(), given, ended }
}

/** A server that sends the source as so many bytes, and what became of it. */
const serve = async ({ pieces }: Source, bytes: number) => {
  const { promise: outcome, resolve } = Promise.withResolvers<unknown>()
  const server: Server = createServer((_, response) => {
    sendStream(response, { bytes, pieces }).then(() => resolve('sent'), resolve)
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  const reply = new Promise<IncomingMessage>((resolved, reject) => get(url, resolved).on('error', reject))
  return {
    reply,
    outcome,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((closed) => server.close(closed))
    },
  }
}

it('sends the pieces in their order, and frees each', async () => {
  const source = sourceOf(5)
  await using served = await serve(source, 5 * pieceBytes)
  const body = await buffer(await served.reply)
  expect(body).toHaveLength(5 * pieceBytes)
  for (let index = 0; index < 5; index++) expect(body[index * pieceBytes + 7]).toBe(index)
  expect(await served.outcome).toBe('sent')
  expect(source.given.map((piece) => piece.length)).toEqual([0, 0, 0, 0, 0])
})

it('cuts the connection where the source ends early', async () => {
  await using served = await serve(sourceOf(2), 3 * pieceBytes)
  await expect(buffer(await served.reply).then(({ length }) => length)).rejects.toThrow('aborted')
})

it('cuts the connection and throws where the source fails', async () => {
  await using served = await serve(sourceOf(2, new Error('the disk is broken')), 3 * pieceBytes)
  await expect(buffer(await served.reply).then(({ length }) => length)).rejects.toThrow('aborted')
  expect(await served.outcome).toMatchObject({ message: 'the disk is broken' })
})

it('ends the source when the client leaves', async () => {
  const source = sourceOf(1000)
  await using served = await serve(source, 1000 * pieceBytes)
  const reply = await served.reply
  reply.destroy()
  await source.ended
  expect(await served.outcome).toBe('sent')
  expect(source.given.length).toBeLessThan(100)
})
