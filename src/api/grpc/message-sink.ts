import type { Clock } from '../../lib/index.ts'
import type { GrpcCall, GrpcMethod } from '../../protocol/index.ts'
import type { CallStream } from './call-stream.ts'
import type { Message } from './message-reader.ts'

/** What becomes of a call's messages. */
export interface MessageSink {
  /** Owns the message's share from here on, also when it throws. */
  take(message: Message): void
  /** The request is complete. Throws what is wrong with it. */
  end(): void
  /** The server stops: a call that could last for ever ends once it has no work. */
  dismiss(): void
}

export type Handle = Exclude<GrpcMethod, { kind: 'watch' }>['handle']
export type Watch = Extract<GrpcMethod, { kind: 'watch' }>['watch']

/** A call as the ways to answer it see it. */
export interface Answering {
  readonly call: CallStream
  readonly clock: Clock
  refuse(error: unknown): void
  /** Decompresses a message, has it answered, and gives back what it held. */
  work(message: Message, handle: Handle, to: GrpcCall): Promise<Uint8Array>
}
