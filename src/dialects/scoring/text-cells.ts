import { textOf } from './cell-casts.ts'
import type { Cell, Cells } from './cells.ts'

const firstBytes = 4096

/** A column of text in the canonical form of BYTES; values have to be put in order. */
export class TextCells implements Cells {
  #bytes = Buffer.allocUnsafe(firstBytes)
  #at = 0

  put(_index: number, cell: Cell): boolean {
    const text = textOf(cell)
    if (text === undefined) return false
    // Three bytes of UTF-8 are the most that one unit of a string takes.
    this.#reserve(4 + 3 * text.length)
    const length = this.#bytes.write(text, this.#at + 4, 'utf8')
    this.#bytes.writeUInt32LE(length, this.#at)
    this.#at += 4 + length
    return true
  }

  data(): Uint8Array {
    return new Uint8Array(this.#bytes.subarray(0, this.#at))
  }

  #reserve(bytes: number): void {
    const needed = this.#at + bytes
    if (needed <= this.#bytes.length) return
    const larger = Buffer.allocUnsafe(Math.max(needed, 2 * this.#bytes.length))
    this.#bytes.copy(larger, 0, 0, this.#at)
    this.#bytes = larger
  }
}
