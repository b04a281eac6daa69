import type { FileHandle } from 'node:fs/promises'
import { freeBytes } from '../../lib/index.ts'

/** Pieces are written so many bytes at a time, since each write is a trip to another thread; and at most so many pieces, as small ones cost memory beyond their bytes. */
const writeBytesMin = 1024 * 1024
const piecesMax = 1024
/** So many bytes are given to the disk while the next arrive, so that the sync in the end finds little left to do. */
const syncBytes = 64 * 1024 * 1024

/**
 * Writes pieces to a file one after another; one write is under way while the pieces of the next are gathered, and one
 * sync. Nothing is under way any more once `end` or `stop` is resolved.
 */
export class FileWriter {
  readonly #file: FileHandle
  #held: Uint8Array[] = []
  #heldBytes = 0
  #written: Promise<void> = Promise.resolve()
  #unsyncedBytes = 0
  #synced: Promise<void> | undefined

  constructor(file: FileHandle) {
    this.#file = file
  }

  /** Resolved when there is room for the next piece. The piece is the writer's from now on: it is freed once it is written. */
  async add(piece: Uint8Array): Promise<void> {
    this.#held.push(piece)
    this.#heldBytes += piece.length
    if (this.#heldBytes >= writeBytesMin || this.#held.length >= piecesMax) await this.#flush()
  }

  /** Resolved when everything is written and synced. */
  async end(): Promise<void> {
    await this.#flush()
    await this.#written
    await this.#synced
    await this.#file.datasync()
  }

  /** Resolved when nothing is under way, whatever became of it. */
  async stop(): Promise<void> {
    await Promise.allSettled([this.#written, this.#synced])
  }

  async #flush(): Promise<void> {
    await this.#written
    if (this.#unsyncedBytes >= syncBytes) this.#sync()
    this.#unsyncedBytes += this.#heldBytes
    this.#written = writeAll(this.#file, this.#held, this.#heldBytes)
    // Why: a failure is met by the next piece, or at the end.
    this.#written.catch(() => {})
    this.#held = []
    this.#heldBytes = 0
  }

  /** Syncs what is written so far, unless a sync is under way, or failed: then the end tells. */
  #sync(): void {
    if (this.#synced !== undefined) return
    this.#unsyncedBytes = 0
    const syncing = this.#file.datasync()
    this.#synced = syncing
    syncing.then(
      () => (this.#synced = undefined),
      () => {},
    )
  }
}

const writeAll = async (file: FileHandle, pieces: readonly Uint8Array[], bytes: number): Promise<void> => {
  if (bytes === 0) return
  let { bytesWritten: at } = await file.writev([...pieces])
  if (at < bytes) {
    const whole = Buffer.concat(pieces, bytes)
    while (at < bytes) at += (await file.write(whole, at)).bytesWritten
  }
  for (const piece of pieces) freeBytes(piece)
}
