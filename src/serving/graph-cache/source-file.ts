import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { open } from 'node:fs/promises'

/** What the system says of a file. As long as it says the same, nobody changed the file. */
export interface SourceFile {
  readonly bytes: number
  /** Device, number, size and the times of the last changes, of which one only the system sets. */
  readonly mark: string
  /** When the file last changed, wall time. */
  readonly changedMs: number
}

/** Changes within one tick of a file system's clock look alike, so a mark says nothing before the file is this old. */
export const settledMs = 2000

/** Small pieces, between which the server does other things. */
const pieceBytes = 512 * 1024

/** Undefined for what is no file. */
export const lookAt = (path: string): Promise<SourceFile | undefined> => withFile(path, factsOf)

/** SHA-256 of a file's bytes; undefined when it is not the file that was looked at, or no longer. */
export const digestOf = (path: string, { bytes, mark }: SourceFile): Promise<string | undefined> =>
  withFile(path, async (file) => {
    if ((await factsOf(file))?.mark !== mark) return undefined
    const hash = createHash('sha256')
    const piece = Buffer.allocUnsafe(pieceBytes)
    let at = 0
    while (at < bytes) {
      const { bytesRead } = await file.read(piece, 0, pieceBytes, at)
      if (bytesRead === 0) break
      hash.update(piece.subarray(0, bytesRead))
      at += bytesRead
    }
    return (await factsOf(file))?.mark === mark ? hash.digest('hex') : undefined
  })

const withFile = async <T>(path: string, use: (file: FileHandle) => Promise<T>): Promise<T | undefined> => {
  // Why: to open a pipe would wait for whoever writes to it.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch(() => undefined)
  if (file === undefined) return undefined
  try {
    return await use(file)
  } finally {
    await file.close()
  }
}

const factsOf = async (file: FileHandle): Promise<SourceFile | undefined> => {
  const facts = await file.stat({ bigint: true })
  if (!facts.isFile()) return undefined
  const mark = [facts.dev, facts.ino, facts.size, facts.mtimeNs, facts.ctimeNs].join(' ')
  return { bytes: Number(facts.size), mark, changedMs: Number(facts.ctimeMs) }
}
