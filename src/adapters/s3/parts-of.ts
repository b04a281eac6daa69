export interface PartOf {
  readonly bytes: Uint8Array
  readonly last: boolean
}

/** The least that is allocated for what may turn out to be small. */
const bufferBytesMin = 64 * 1024

/** A buffer that grows as bytes come, so that small files and many small pieces cost what they hold. */
class Gathered {
  readonly #bytesMax: number
  #buffer = Buffer.alloc(0)
  used = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  get room(): number {
    return this.#bytesMax - this.used
  }

  add(piece: Uint8Array): void {
    const needed = this.used + piece.length
    if (needed > this.#buffer.length) {
      const grown = Buffer.allocUnsafeSlow(Math.min(this.#bytesMax, Math.max(bufferBytesMin, 2 * needed)))
      grown.set(this.#buffer.subarray(0, this.used))
      this.#buffer = grown
    }
    this.#buffer.set(piece, this.used)
    this.used = needed
  }

  /** Gives what it holds; more will follow. */
  take(): Uint8Array {
    const taken = this.#buffer.subarray(0, this.used)
    this.#buffer = Buffer.allocUnsafeSlow(this.#bytesMax)
    this.used = 0
    return taken
  }

  get rest(): Uint8Array {
    return this.#buffer.subarray(0, this.used)
  }
}

/** The bytes in parts of one size, but for the last, which may be smaller, also empty. There is always a last one. */
export async function* partsOf(bytes: AsyncIterable<Uint8Array>, partBytes: number): AsyncGenerator<PartOf> {
  const gathered = new Gathered(partBytes)
  for await (const piece of bytes) {
    let rest = piece
    while (rest.length > gathered.room) {
      const { room } = gathered
      gathered.add(rest.subarray(0, room))
      yield { bytes: gathered.take(), last: false }
      rest = rest.subarray(room)
    }
    gathered.add(rest)
  }
  yield { bytes: gathered.rest, last: true }
}
