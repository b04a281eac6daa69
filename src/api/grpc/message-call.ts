import type { GrpcCall } from '../../protocol/index.ts'
import type { CallStream } from './call-stream.ts'

/** One message of a stream to its handler: it has its own time of arrival, and hears of the client only until `done`. */
export class MessageCall implements GrpcCall {
  readonly receivedAtMs: number
  readonly #call: CallStream
  readonly #listeners: (() => void)[] = []

  constructor(call: CallStream, receivedAtMs: number) {
    this.#call = call
    this.receivedAtMs = receivedAtMs
  }

  /** What is left of the time for the stream, ms. */
  get timeoutMs(): number | undefined {
    const { timeoutMs, receivedAtMs } = this.#call
    return timeoutMs === undefined ? undefined : Math.max(0, receivedAtMs + timeoutMs - this.receivedAtMs)
  }

  metadata(key: string): string | undefined {
    return this.#call.metadata(key)
  }

  onCancel(listener: () => void): void {
    this.#listeners.push(listener)
    this.#call.onCancel(listener)
  }

  done(): void {
    for (const listener of this.#listeners) this.#call.offCancel(listener)
  }
}
