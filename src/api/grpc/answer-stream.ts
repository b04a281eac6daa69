import type { ServerDuplexStream } from '@grpc/grpc-js'

/** Messages of one stream that are worked on at a time; further ones wait in the connection. */
const depthMax = 64

export type RawStream = ServerDuplexStream<Buffer, Uint8Array>

export interface StreamAnswers {
  /** Answers one message; `onCancel` takes what to do when the client leaves meanwhile. */
  answer(message: Buffer, onCancel: (listener: () => void) => void): Promise<Uint8Array>
  /** The status that ends the stream after an unexpected failure. */
  status(error: unknown): Error | { readonly code: number; readonly details: string }
}

/** Answers the messages of a stream in their order, while several are worked on; a client that doesn't read its answers is not read from. */
export const answerStream = (stream: RawStream, answers: StreamAnswers): void => {
  const cancels = new Set<() => void>()
  let turn: Promise<void> = Promise.resolve()
  let depth = 0
  stream.once('cancelled', () => {
    for (const cancel of cancels) cancel()
  })
  const send = async (reply: Promise<Uint8Array>): Promise<void> => {
    try {
      if (!stream.write(await reply)) await new Promise((resolve) => stream.once('drain', resolve))
    } catch (error) {
      stream.emit('error', answers.status(error))
    }
  }
  stream.on('data', (message: Buffer) => {
    depth += 1
    if (depth >= depthMax) stream.pause()
    let cancel = (): void => {}
    const reply = answers.answer(message, (listener) => {
      cancel = listener
      cancels.add(listener)
    })
    // Why: a failure is handled in its turn; until then it must not count as unhandled.
    reply.catch(() => {})
    turn = turn
      .then(() => send(reply))
      .then(() => {
        cancels.delete(cancel)
        depth -= 1
        if (depth === depthMax - 1) stream.resume()
      })
  })
  stream.on('end', () => void turn.then(() => stream.end()))
}
