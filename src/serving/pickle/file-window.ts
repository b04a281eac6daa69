import type { FileHandle } from 'node:fs/promises'

const windowBytes = 64 * 1024

/** Reads a file of any size here and there, of which it holds one piece. */
export class FileWindow {
  readonly size: number
  readonly #file: FileHandle
  #start = 0
  #bytes = Buffer.alloc(0)

  constructor(file: FileHandle, size: number) {
    this.#file = file
    this.size = size
  }

  /** The bytes from a position on, at least `count` of them; undefined beyond the end of the file. */
  async from(position: number, count: number): Promise<Buffer | undefined> {
    if (position < 0 || position + count > this.size) return undefined
    const held = position >= this.#start && position + count <= this.#start + this.#bytes.length
    if (!held) {
      const wanted = Buffer.alloc(Math.min(Math.max(count, windowBytes), this.size - position))
      const { bytesRead } = await this.#file.read(wanted, 0, wanted.length, position)
      this.#bytes = wanted.subarray(0, bytesRead)
      this.#start = position
      if (bytesRead < count) return undefined
    }
    return this.#bytes.subarray(position - this.#start)
  }

  /** The line that starts at a position, as Latin-1, cut after `charactersMax`, and where the next one starts. */
  async line(position: number, charactersMax: number): Promise<{ text: string; next: number } | undefined> {
    let text = ''
    for (let at = position; ;) {
      const bytes = await this.from(at, 1)
      if (bytes === undefined) return undefined
      const end = bytes.indexOf(0x0a)
      const part = end === -1 ? bytes : bytes.subarray(0, end)
      if (text.length <= charactersMax) text += part.toString('latin1').slice(0, charactersMax + 1)
      if (end !== -1) return { text, next: at + end + 1 }
      at += bytes.length
    }
  }
}
