import { ReceiveWindow } from './receive-window.ts'

/** What takes a request's content in. */
export interface BodyReader {
  data(piece: Buffer): void
  /** The request is complete. */
  end(): void
}

/** The content of a request as it arrives, with the window that its client may fill (RFC 9113, section 5.2). */
export class IncomingBody {
  reader: BodyReader | undefined
  /** Everything has arrived and was read. */
  ended = false
  /** Everything has arrived. */
  complete = false
  readonly window: ReceiveWindow
  readonly #consumed: (bytes: number) => void
  /** Of the length that the client declared. */
  #contentLeft: number | undefined
  #paused = false
  #waiting: Buffer[] = []

  /** `consumed` is told of bytes that make room for others. */
  constructor(windowBytes: number, contentLength: number | undefined, consumed: (bytes: number) => void) {
    this.window = new ReceiveWindow(windowBytes)
    this.#contentLeft = contentLength
    this.#consumed = consumed
  }

  /** False when it is more than was declared (RFC 9113, section 8.1.1). */
  take(piece: Buffer): boolean {
    if (this.#contentLeft !== undefined) {
      this.#contentLeft -= piece.length
      if (this.#contentLeft < 0) {
        this.#consumed(piece.length)
        return false
      }
    }
    if (this.#paused) this.#waiting.push(piece)
    else this.#deliver(piece)
    return true
  }

  /** False when it is less than was declared. */
  finish(): boolean {
    this.complete = true
    if (this.#contentLeft !== undefined && this.#contentLeft > 0) return false
    this.#endIfRead()
    return true
  }

  /** Lets pieces wait, and by that the client once its window is full. */
  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    while (!this.#paused) {
      const piece = this.#waiting.shift()
      if (piece === undefined) break
      this.#deliver(piece)
    }
    this.#endIfRead()
  }

  /** Throws away what waits and what comes. */
  discard(): void {
    this.reader = undefined
    this.resume()
  }

  #deliver(piece: Buffer): void {
    this.#consumed(piece.length)
    this.reader?.data(piece)
  }

  #endIfRead(): void {
    if (!this.complete || this.ended || this.#paused || this.#waiting.length > 0) return
    this.ended = true
    this.reader?.end()
  }
}
