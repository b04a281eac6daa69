import { assert } from '../lib/index.ts'
import type { BlobStore } from '../ports/index.ts'

/** A file by what it holds: bytes of a digest never change, so neither does what was read of them. */
export interface FileToRead {
  readonly digest: string
  readonly bytes: number
}

export interface FileReader<T> {
  /** Tells readers of the same file apart. */
  readonly name: string
  /** Larger files are not read. */
  readonly bytesMax: number
  read(bytes: Uint8Array): T
  /** What stands for a file that is too large or can't be got, with the reason. */
  unreadable(reason: string): T
}

/** Most files remembered, and most that one piece of work may ask for. */
const knownMax = 200
const askedMax = 50

/** Thrown out of a transaction by a file that isn't known yet. */
class Unread extends Error {
  readonly file: FileToRead
  readonly reader: FileReader<unknown>

  constructor(file: FileToRead, reader: FileReader<unknown>) {
    super('a file is to be read before this transaction')
    this.file = file
    this.reader = reader
  }
}

/**
 * What small files say, for use inside transactions, which mustn't wait for files. Work that asks for a file that isn't
 * known is rolled back, the file is read, and the work is done again.
 */
export class KnownFiles {
  readonly #blobs: BlobStore
  readonly #known = new Map<string, unknown>()

  constructor(blobs: BlobStore) {
    this.#blobs = blobs
  }

  /** Does work that may call `require`: a transaction, and nothing beside it. */
  async within<T>(work: () => Promise<T>): Promise<T> {
    for (let asked = 0; ; asked++) {
      try {
        return await work()
      } catch (error) {
        if (!(error instanceof Unread)) throw error
        assert(asked < askedMax, 'work asks for few files')
        await this.#read(error.file, error.reader)
      }
    }
  }

  /** What a file says. Called within `within` only. */
  require<T>(file: FileToRead, reader: FileReader<T>): T {
    const key = keyOf(file, reader)
    if (!this.#known.has(key)) throw new Unread(file, reader)
    return this.#known.get(key) as T
  }

  async #read(file: FileToRead, reader: FileReader<unknown>): Promise<void> {
    const [oldest] = this.#known.keys()
    if (this.#known.size >= knownMax && oldest !== undefined) this.#known.delete(oldest)
    this.#known.set(keyOf(file, reader), await this.#said(file, reader))
  }

  async #said(file: FileToRead, reader: FileReader<unknown>): Promise<unknown> {
    const { bytesMax } = reader
    if (file.bytes > bytesMax) return reader.unreadable(`it has ${file.bytes} bytes; ${bytesMax} are read`)
    const pieces: Uint8Array[] = []
    for await (const piece of this.#blobs.read(file.digest)) pieces.push(piece)
    return reader.read(Buffer.concat(pieces))
  }
}

const keyOf = (file: FileToRead, reader: FileReader<unknown>): string => `${reader.name}:${file.digest}`
