import { createHash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { open } from 'node:fs/promises'

/** A file's content, and what the system says of the file: when both are the same again, nobody changed it meanwhile. */
export interface SourceFile {
  readonly sha256: string
  readonly bytes: number
  readonly mark: string
}

/** Digests of files by their marks. */
export interface KnownDigests {
  find(mark: string): Promise<string | undefined>
  keep(mark: string, sha256: string): Promise<void>
}

export interface ReadSourceOptions {
  readonly bytesMin: number
  readonly bytesMax: number
  readonly wallMs: number
  /** Undefined where the bytes must be read whatever is known. */
  readonly known?: KnownDigests
}

/** Small pieces, between which the server does other things. */
const pieceBytes = 512 * 1024
/** A change within one tick of the file system's clock leaves no mark, so a file must have been left alone for longer. */
const settledMs = 2000

/**
 * Finds a file's digest; undefined for one whose size is outside the bounds, that changes meanwhile or is not there.
 * Bytes that were read once are not read again as long as the file has the time of its last change, which only the
 * system sets.
 */
export const readSource = async (path: string, options: ReadSourceOptions): Promise<SourceFile | undefined> => {
  const file = await open(path, 'r').catch(() => undefined)
  if (file === undefined) return undefined
  try {
    const { bytes, mark, changedMs } = await look(file)
    if (bytes < options.bytesMin || bytes > options.bytesMax) return undefined
    const known = await options.known?.find(mark)
    if (known !== undefined) return { sha256: known, bytes, mark }
    const sha256 = await digest(file, bytes)
    if ((await look(file)).mark !== mark) return undefined
    if (options.wallMs - changedMs > settledMs) await options.known?.keep(mark, sha256)
    return { sha256, bytes, mark }
  } finally {
    await file.close()
  }
}

const look = async (file: FileHandle): Promise<{ bytes: number; mark: string; changedMs: number }> => {
  const facts = await file.stat({ bigint: true })
  const mark = [facts.dev, facts.ino, facts.size, facts.mtimeNs, facts.ctimeNs].join(' ')
  return { bytes: facts.isFile() ? Number(facts.size) : 0, mark, changedMs: Number(facts.ctimeMs) }
}

const digest = async (file: FileHandle, bytes: number): Promise<string> => {
  const hash = createHash('sha256')
  const piece = Buffer.allocUnsafe(pieceBytes)
  let at = 0
  while (at < bytes) {
    const { bytesRead } = await file.read(piece, 0, pieceBytes, at)
    if (bytesRead === 0) break
    hash.update(piece.subarray(0, bytesRead))
    at += bytesRead
  }
  return hash.digest('hex')
}
