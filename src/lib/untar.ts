/** A file in an archive. */
export interface TarFile {
  /** Relative, with / between its parts, none of which is empty, `.` or `..`. */
  readonly path: string
  /** To be read before the next file is asked for; what isn't read is passed over. */
  content(): AsyncGenerator<Uint8Array>
}

/** An archive that can't be read, or that holds what it may not; the message says which. */
export class TarError extends Error {
  override name = 'TarError'
}

const blockBytes = 512
const filesMax = 10_000
const pathBytesMax = 1024
const recordsBytesMax = 64 * 1024

interface Header {
  readonly name: string
  readonly size: number
  readonly flag: string
}

/** Files of an archive (ustar, with long names of POSIX.1-2001 or GNU), in its order. Throws TarError. */
export async function* untar(source: AsyncIterable<Uint8Array>): AsyncGenerator<TarFile> {
  const blocks = new ByteSource(source)
  let longName: string | undefined
  let entries = 0
  for (;;) {
    const header = headerOf(await blocks.exactly(blockBytes))
    if (header === undefined) return blocks.rest()
    const { flag, size } = header
    entries += 1
    // Why: folders and long names are entries too.
    if (entries > 3 * filesMax) throw new TarError(`the archive has more than ${filesMax} files`)
    if (flag === 'x' || flag === 'L' || flag === 'g') {
      if (size > recordsBytesMax) throw new TarError('a name in the archive is too long')
      const body = await blocks.exactly(padded(size))
      if (flag === 'L') longName = text(body, 0, size)
      else if (flag === 'x') longName = pathRecord(body.toString('utf8', 0, size)) ?? longName
      continue
    }
    const name = longName ?? header.name
    longName = undefined
    if (flag === '5') await blocks.skip(padded(size))
    else if (flag === '0' || flag === '\0') yield* fileOf(blocks, name, size)
    else throw new TarError(`'${name.slice(0, 100)}' in the archive is neither a file nor a folder`)
  }
}

async function* fileOf(blocks: ByteSource, name: string, size: number): AsyncGenerator<TarFile> {
  let left = size
  yield {
    path: relativePath(name),
    async *content() {
      while (left > 0) {
        const piece = await blocks.atMost(left)
        left -= piece.length
        yield piece
      }
    },
  }
  await blocks.skip(left + padded(size) - size)
}

const padded = (size: number): number => Math.ceil(size / blockBytes) * blockBytes

/** What a header says; undefined for the block of zeros that ends an archive. */
const headerOf = (block: Buffer): Header | undefined => {
  if (block.every((byte) => byte === 0)) return undefined
  const sum = block.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 0x20 : byte), 0)
  if (number(block, 148, 8) !== sum) throw new TarError('the body is not an archive, or it is damaged')
  const prefix = block.toString('latin1', 257, 262) === 'ustar' ? text(block, 345, 155) : ''
  const name = text(block, 0, 100)
  return {
    name: prefix === '' || block[262] !== 0 ? name : `${prefix}/${name}`,
    size: number(block, 124, 12),
    flag: block.toString('latin1', 156, 157),
  }
}

const text = (block: Buffer, at: number, bytes: number): string => {
  const field = block.subarray(at, at + bytes)
  const end = field.indexOf(0)
  return field.toString('utf8', 0, end === -1 ? bytes : end)
}

/** An octal number, or one in base 256 when it is too large for that. */
const number = (block: Buffer, at: number, bytes: number): number => {
  const wide = block[at] === 0x80
  const value = wide
    ? Number(block.readBigUInt64BE(at + bytes - 8))
    : Number.parseInt(block.toString('latin1', at, at + bytes).replaceAll(/[\0 ]/g, '') || '0', 8)
  if (!Number.isSafeInteger(value) || value < 0) throw new TarError('the body is not an archive, or it is damaged')
  return value
}

const pathRecord = (records: string): string | undefined => {
  if (/^\d+ size=/m.test(records)) throw new TarError('a file in the archive is too large for its format')
  return /^\d+ path=([^\n]*)$/m.exec(records)?.[1]
}

const relativePath = (name: string): string => {
  const parts = name.split('/').filter((part, at) => part !== '.' || at > 0)
  const wrong = parts.some((part) => part === '' || part === '.' || part === '..' || /[\0\\]/.test(part))
  if (wrong || Buffer.byteLength(name) > pathBytesMax || parts.length === 0)
    throw new TarError(`'${name.slice(0, 100)}' in the archive is not a path below its folder`)
  return parts.join('/')
}

/** Bytes that come in pieces of any size. */
class ByteSource {
  readonly #pieces: AsyncIterator<Uint8Array>
  #held: Uint8Array = new Uint8Array()

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#pieces = source[Symbol.asyncIterator]()
  }

  /** The next bytes, one at least. */
  async atMost(count: number): Promise<Uint8Array> {
    while (this.#held.length === 0) {
      const next = await this.#pieces.next()
      if (next.done === true) throw new TarError('the archive is cut off')
      this.#held = next.value
    }
    const taken = this.#held.subarray(0, count)
    this.#held = this.#held.subarray(taken.length)
    return taken
  }

  async exactly(count: number): Promise<Buffer> {
    const taken: Uint8Array[] = []
    for (let left = count; left > 0; left -= taken.at(-1)?.length ?? 0) taken.push(await this.atMost(left))
    return Buffer.concat(taken)
  }

  async skip(count: number): Promise<void> {
    for (let left = count; left > 0;) left -= (await this.atMost(left)).length
  }

  /** Reads what stands behind the archive's end. */
  async rest(): Promise<void> {
    for (let done = false; !done;) done = (await this.#pieces.next()).done === true
  }
}
