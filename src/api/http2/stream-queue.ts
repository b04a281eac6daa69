import type { Http2Stream } from './http2-stream.ts'

/**
 * Streams that wait for a turn to send, each in one queue at most: a list through the streams, which leaves nothing
 * behind. Why not an array: taken from its begin again and again, it has its content outlive the collections of young
 * objects.
 */
export class StreamQueue {
  #first: Http2Stream | undefined
  #last: Http2Stream | undefined

  get first(): Http2Stream | undefined {
    return this.#first
  }

  push(stream: Http2Stream): void {
    const last = this.#last
    stream.outgoing.queue = this
    stream.outgoing.previous = last
    if (last === undefined) this.#first = stream
    else last.outgoing.next = stream
    this.#last = stream
  }

  /** The stream must be in this queue. */
  remove(stream: Http2Stream): void {
    const { outgoing } = stream
    const { previous, next } = outgoing
    if (previous === undefined) this.#first = next
    else previous.outgoing.next = next
    if (next === undefined) this.#last = previous
    else next.outgoing.previous = previous
    outgoing.queue = undefined
    outgoing.previous = undefined
    outgoing.next = undefined
  }
}
