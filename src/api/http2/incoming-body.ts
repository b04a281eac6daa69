import { ReceiveWindow } from './receive-window.ts'

/** What takes a request's content in. */
export interface BodyReader {
  data(piece: Buffer): void
  /** The request is complete. */
  end(): void
}

/** Waiting pieces smaller than this are gathered, so that what many small ones cost stays in proportion to their bytes. */
const smallBytes = 1024
const gatheredBytes = 4 * smallBytes

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
  /** Where small pieces are put; the last one that waits is its begin. */
  #gathered: Buffer | undefined

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
    if (this.#paused) this.#hold(piece)
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
      if (this.#waiting.length === 0) this.#gathered = undefined
      this.#deliver(piece)
    }
    this.#endIfRead()
  }

  /** Throws away what waits and what comes. */
  discard(): void {
    this.reader = undefined
    this.resume()
  }

  #hold(piece: Buffer): void {
    const gathered = this.#gathered
    const last = this.#waiting.length - 1
    const length = gathered === undefined ? 0 : (this.#waiting[last]?.length ?? 0)
    if (gathered !== undefined && length + piece.length <= gathered.length) {
      piece.copy(gathered, length)
      this.#waiting[last] = gathered.subarray(0, length + piece.length)
      return
    }
    this.#gathered = undefined
    let held = piece
    if (piece.length < smallBytes) {
      this.#gathered = Buffer.allocUnsafeSlow(gatheredBytes)
      piece.copy(this.#gathered)
      held = this.#gathered.subarray(0, piece.length)
    }
    this.#waiting.push(held)
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
