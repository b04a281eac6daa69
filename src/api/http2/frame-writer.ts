import type { Socket } from 'node:net'
import { frameHeadBytes } from './codes.ts'

const arenaBytes = 64 * 1024
/** Pieces up to this size are copied beside their frame heads, which costs less than a write of their own. */
const copyBytesMax = 8 * 1024

/**
 * Puts frames one behind another, so that all that is sent in one turn leaves with one write. Serves one connection at
 * a time, from `begin` to `end`, without a break; its memory is shared by all.
 */
export class FrameWriter {
  #arena = Buffer.allocUnsafeSlow(arenaBytes)
  /** What is in the arena from here to `#at` isn't handed to the socket yet. */
  #from = 0
  #at = 0
  #socket: Socket | undefined
  #corked = false

  begin(socket: Socket): void {
    this.#socket = socket
    this.#corked = false
  }

  /** The head of a frame (RFC 9113, section 4.1), whose payload must follow by `copy` and `piece`. */
  head(type: number, flags: number, stream: number, length: number): void {
    this.#room(frameHeadBytes)
    const arena = this.#arena
    let at = this.#at
    arena[at++] = length >> 16
    arena[at++] = length >> 8
    arena[at++] = length
    arena[at++] = type
    arena[at++] = flags
    arena[at++] = stream >> 24
    arena[at++] = stream >> 16
    arena[at++] = stream >> 8
    arena[at++] = stream
    this.#at = at
  }

  piece(piece: Uint8Array, from: number, to: number): void {
    const length = to - from
    if (length > copyBytesMax) {
      this.#emit()
      this.#write(piece.subarray(from, to))
      return
    }
    this.#room(length)
    if (length === piece.length) this.#arena.set(piece, this.#at)
    else this.#arena.set(piece.subarray(from, to), this.#at)
    this.#at += length
  }

  end(): void {
    const from = this.#from
    const socket = this.#socket as Socket
    if (this.#at > from) {
      const bytes = this.#arena.subarray(from, this.#at)
      this.#from = this.#at
      socket.write(bytes)
    }
    if (this.#corked) socket.uncork()
    // Why: what the system took at once isn't read again, so its place is free.
    if (socket.writableLength === 0) {
      this.#from = from
      this.#at = from
    }
    this.#socket = undefined
  }

  #room(bytes: number): void {
    if (this.#at + bytes <= this.#arena.length) return
    this.#emit()
    this.#arena = Buffer.allocUnsafeSlow(arenaBytes)
    this.#from = 0
    this.#at = 0
  }

  #emit(): void {
    if (this.#at === this.#from) return
    const bytes = this.#arena.subarray(this.#from, this.#at)
    this.#from = this.#at
    this.#write(bytes)
  }

  #write(bytes: Uint8Array): void {
    if (!this.#corked) this.#socket?.cork()
    this.#corked = true
    this.#socket?.write(bytes)
  }
}
