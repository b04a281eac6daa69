import type { FileHandle } from 'node:fs/promises'

/** Pieces are written so many bytes at a time, since each write is a trip to another thread; and at most so many pieces, as small ones cost memory beyond their bytes. */
const writeBytesMin = 1024 * 1024
const piecesMax = 1024

/** Writes pieces to a file one after another; one write is under way while the pieces of the next are gathered. */
export class FileWriter {
  readonly #file: FileHandle
  #held: Uint8Array[] = []
  #heldBytes = 0
  #written: Promise<void> = Promise.resolve()

  constructor(file: FileHandle) {
    this.#file = file
  }

  /** Resolved when there is room for the next piece. The piece must not change any more. */
  async add(piece: Uint8Array): Promise<void> {
    this.#held.push(piece)
    this.#heldBytes += piece.length
    if (this.#heldBytes >= writeBytesMin || this.#held.length >= piecesMax) await this.#flush()
  }

  /** Resolved when everything is written. */
  async end(): Promise<void> {
    await this.#flush()
    await this.#written
  }

  async #flush(): Promise<void> {
    await this.#written
    this.#written = writeAll(this.#file, this.#held, this.#heldBytes)
    // Why: a failure is met by the next piece, or at the end.
    this.#written.catch(() => {})
    this.#held = []
    this.#heldBytes = 0
  }
}

const writeAll = async (file: FileHandle, pieces: readonly Uint8Array[], bytes: number): Promise<void> => {
  if (bytes === 0) return
  let { bytesWritten: at } = await file.writev([...pieces])
  if (at === bytes) return
  const whole = Buffer.concat(pieces, bytes)
  while (at < bytes) at += (await file.write(whole, at)).bytesWritten
}
