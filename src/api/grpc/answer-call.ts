import type { Clock } from '../../lib/index.ts'
import type { AppError, GrpcMethod } from '../../protocol/index.ts'
import { fail } from '../../protocol/index.ts'
import { answerEach } from './answer-each.ts'
import type { CallStream } from './call-stream.ts'
import { decompress } from './grpc-wire.ts'
import type { Message, MessageLimits } from './message-reader.ts'
import { MessageReader } from './message-reader.ts'
import type { Answering, Handle, MessageSink, Watch } from './message-sink.ts'

export interface CallDeps {
  readonly limits: MessageLimits
  readonly clock: Clock
  /** The failure to report: an unexpected one is logged and gets a request id. */
  explain(error: unknown): AppError
  /** Called once the request is complete. */
  received(call: CallStream): void
}

/** Reads a call's messages, has its method answer them, and ends it. Returns what to do when the server stops. */
export const answerCall = (call: CallStream, method: GrpcMethod, deps: CallDeps): (() => void) => {
  const { limits } = deps
  const refuse = (error: unknown): void => call.end(deps.explain(error))
  const encoding = call.metadata('grpc-encoding') ?? 'identity'
  if (!['identity', 'gzip', 'deflate'].includes(encoding)) {
    refuse(fail('unsupported', { what: `the message encoding '${encoding.slice(0, 40)}'` }))
    return () => {}
  }
  const work: Answering['work'] = async (message, handle, to) => {
    try {
      const content = message.compressed ? await decompress(message, encoding, limits.bytesMax) : message.bytes
      return within(await handle(content, to), limits.bytesMax)
    } finally {
      message.share.release()
    }
  }
  const sink = sinkOf(method, { call, clock: deps.clock, refuse, work })
  const reader = new MessageReader(limits, (message) => sink.take(message))
  call.onCancel(() => reader.release())
  readInto(call, reader, { deps, sink, refuse })
  return () => sink.dismiss()
}

interface Reading {
  readonly deps: CallDeps
  readonly sink: MessageSink
  refuse(error: unknown): void
}

const readInto = (call: CallStream, reader: MessageReader, { deps, sink, refuse }: Reading): void => {
  call.stream.read({
    data(chunk) {
      if (call.ended) return
      try {
        reader.push(chunk)
      } catch (error) {
        refuse(error)
      }
    },
    end() {
      deps.received(call)
      if (call.ended) return
      try {
        if (!reader.whole) throw fail('invalid_request', { reason: 'the request ends within a message' })
        sink.end()
      } catch (error) {
        refuse(error)
      }
    },
  })
}

const within = (reply: Uint8Array, limitBytes: number): Uint8Array => {
  if (reply.length > limitBytes)
    throw fail('payload_too_large', { what: `an answer of ${reply.length} bytes`, limitBytes })
  return reply
}

const sinkOf = (method: GrpcMethod, answering: Answering): MessageSink => {
  const { call, work, refuse } = answering
  if (method.kind === 'stream') return answerEach(method.handle, answering)
  if (method.kind === 'watch') {
    const tell: Handle = (request) => tellAll(call, method.watch, request).then(() => new Uint8Array(0))
    const begin = (message: Message): void => void work(message, tell, call).then(() => call.end(), refuse)
    return { ...answerOne(call, begin), dismiss: () => refuse(fail('shutting_down', {})) }
  }
  const begin = (message: Message): void =>
    void work(message, method.handle, call).then((reply) => call.reply(reply), refuse)
  return answerOne(call, begin)
}

/** Begins to answer once the request has ended with its only message. */
const answerOne = (call: CallStream, begin: (message: Message) => void): MessageSink => {
  let request: Message | undefined
  call.onCancel(() => request?.share.release())
  return {
    take(message) {
      if (request === undefined) {
        request = message
        return
      }
      message.share.release()
      throw fail('unsupported', { what: 'more than one message in a call of this method' })
    },
    end() {
      const message = request
      request = undefined
      if (message === undefined) throw fail('unsupported', { what: 'a call of this method without a message' })
      begin(message)
    },
    dismiss() {},
  }
}

const tellAll = async (call: CallStream, watch: Watch, request: Uint8Array): Promise<void> => {
  for await (const message of watch(request, call)) {
    if (call.ended) return
    if (!call.send(message)) await call.drained()
  }
}
