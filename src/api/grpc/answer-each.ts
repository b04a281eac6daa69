import { fail } from '../../protocol/index.ts'
import { MessageCall } from './message-call.ts'
import type { Answering, Handle, MessageSink } from './message-sink.ts'

/** Messages of one stream that are inside at a time, and their bytes; further ones wait in the connection. */
const depthMax = 64
const insideBytesMax = 8 * 1024 * 1024

/** Answers the messages of a stream in their order, while several are worked on; a client that doesn't read its answers is not read from. */
export const answerEach = (handle: Handle, { call, clock, refuse, work }: Answering): MessageSink => {
  let turn: Promise<void> = Promise.resolve()
  let depth = 0
  let insideBytes = 0
  let dismissed = false
  const full = (): boolean => depth >= depthMax || insideBytes >= insideBytesMax
  const leaveIfIdle = (): void => {
    if (dismissed && depth === 0) refuse(fail('shutting_down', {}))
  }
  const send = async (reply: Promise<Uint8Array>): Promise<void> => {
    try {
      if (!call.send(await reply)) await call.drained()
    } catch (error) {
      refuse(error)
    }
  }
  const answer = async (reply: Promise<Uint8Array>, bytes: number): Promise<void> => {
    await send(reply)
    const wasFull = full()
    depth -= 1
    insideBytes -= bytes
    if (wasFull && !full()) call.stream.incoming.resume()
    leaveIfIdle()
  }
  return {
    take(message) {
      const { length } = message.bytes
      depth += 1
      insideBytes += length
      if (full()) call.stream.incoming.pause()
      const to = new MessageCall(call, clock.now())
      const reply = work(message, handle, to).finally(() => to.done())
      // Why: a failure is handled in its turn; until then it must not count as unhandled.
      reply.catch(() => {})
      turn = turn.then(() => answer(reply, length))
    },
    end: () => void turn.then(() => call.end()),
    dismiss() {
      dismissed = true
      leaveIfIdle()
    },
  }
}
