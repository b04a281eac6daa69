import { fstatSync, writeSync } from 'node:fs'
import type { WriteStream } from 'node:tty'
import type { Clock } from '../lib/index.ts'
import { sleep } from '../lib/index.ts'

const descriptor = 2
/** What waits for a reader that doesn't read; beyond it, lines are left out. */
const waitingBytesMax = 1024 * 1024
const endMsMax = 1000

/**
 * Writes to standard error for as long as the process lives, whatever is on its other end: a file on a full disk, a
 * pipe whose reader is slow or gone. What can't be written is left out, and counted in a line of its own once there is
 * room again.
 */
export class StandardError {
  readonly #stream: WriteStream
  readonly #clock: Clock
  readonly #isFile: boolean
  #leftOut = 0
  /** The last line was written in part. */
  #torn = false

  constructor(stream: WriteStream, clock: Clock) {
    this.#stream = stream
    this.#clock = clock
    this.#isFile = isFile(stream)
    // Why: a reader that is gone makes an error of the stream, which unheard would end the process.
    stream.on('error', () => {})
  }

  write(text: string): void {
    const notice = this.#leftOut === 0 ? '' : this.#notice()
    if (this.#put(notice + text)) this.#leftOut = 0
    else this.#leftOut += 1
  }

  /** Gives a reader a little time for what waits. False when it has not read it all: only an exit ends the wait. */
  async end(): Promise<boolean> {
    if (this.#stream.writableLength === 0 || this.#stream.errored !== null) return true
    const written = new Promise<boolean>((resolve) => this.#stream.write('', () => resolve(true)))
    return Promise.race([written, sleep(this.#clock, endMsMax).then(() => false)])
  }

  #notice(): string {
    const time = new Date(this.#clock.wallMs()).toISOString()
    return `${JSON.stringify({ level: 'warn', time, event: 'log.left_out', lines: this.#leftOut })}\n`
  }

  #put(text: string): boolean {
    if (this.#isFile) return this.#putInFile(text)
    if (this.#stream.writableLength > waitingBytesMax) return false
    this.#stream.write(text)
    return true
  }

  /** Why not by the stream: it writes nothing more after an error, and disks get room again. */
  #putInFile(text: string): boolean {
    const bytes = Buffer.from(this.#torn ? `\n${text}` : text)
    let at = 0
    try {
      while (at < bytes.length) at += writeSync(descriptor, bytes, at)
      this.#torn = false
      return true
    } catch {
      if (at > 0) this.#torn = true
      return false
    }
  }
}

const isFile = ({ isTTY }: WriteStream): boolean => {
  if (isTTY) return false
  try {
    const facts = fstatSync(descriptor)
    return facts.isFile() || facts.isCharacterDevice()
  } catch {
    return false
  }
}
