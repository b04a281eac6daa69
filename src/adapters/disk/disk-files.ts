import { createHash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { open, readdir, rm, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { Blob, ByteRange, PutOptions } from '../../ports/index.ts'
import { AppError, fail } from '../../protocol/index.ts'

/** Pieces that are read at a time. */
const pieceBytes = 1024 * 1024

/** Of a SHA-256. */
export const digestBytes = 32

export interface ReceiveOptions extends PutOptions {
  /** Writes the digest itself after the bytes. */
  readonly sealed?: boolean
}

/** Writes bytes to a new file and syncs it; a failure leaves no file. */
export const receive = async (
  path: string,
  bytes: AsyncIterable<Uint8Array>,
  options: ReceiveOptions,
): Promise<Blob> => {
  const file = await open(path, 'wx', 0o600).catch(rethrow)
  try {
    const blob = await write(file, bytes, options)
    if (options.sealed === true) await writeAll(file, Buffer.from(blob.digest, 'hex'))
    await file.datasync()
    await file.close()
    return blob
  } catch (error) {
    await file.close().catch(() => {})
    await rm(path, { force: true })
    throw diskError(error)
  }
}

const write = async (
  file: FileHandle,
  bytes: AsyncIterable<Uint8Array>,
  { bytesMax, digest: expected }: PutOptions,
): Promise<Blob> => {
  const hash = createHash('sha256')
  let total = 0
  let written: Promise<unknown> = Promise.resolve()
  for await (const piece of bytes) {
    total += piece.length
    if (total > bytesMax) throw fail('payload_too_large', { what: 'the file', limitBytes: bytesMax })
    // One piece is hashed while the one before it is being written.
    hash.update(piece)
    await written
    written = writeAll(file, piece)
    written.catch(() => {})
  }
  await written
  const digest = hash.digest('hex')
  if (expected !== undefined && expected !== digest) throw fail('digest_mismatch', { actual: digest, expected })
  return { digest, bytes: total }
}

const writeAll = async (file: FileHandle, bytes: Uint8Array): Promise<void> => {
  for (let at = 0; at < bytes.length;) at += (await file.write(bytes, at)).bytesWritten
}

/** A file's bytes in pieces, at the reader's pace. Fails with `artifact_missing`, naming the file. */
export async function* readFileRange(
  path: string,
  range: ByteRange | undefined,
  name: string = basename(path),
): AsyncGenerator<Uint8Array> {
  const file = await open(path, 'r').catch(ignoreMissing)
  if (file === undefined) throw fail('artifact_missing', { path: name })
  try {
    const end = Math.min(range?.end ?? Infinity, (await file.stat()).size)
    for (let at = range?.start ?? 0; at < end;) {
      const buffer = Buffer.allocUnsafe(Math.min(pieceBytes, end - at))
      const { bytesRead } = await file.read(buffer, 0, buffer.length, at)
      if (bytesRead === 0) return
      at += bytesRead
      yield buffer.subarray(0, bytesRead)
    }
  } finally {
    await file.close()
  }
}

/** Removes what nobody wrote to since then. */
export const sweep = async (folder: string, sinceMs: number): Promise<void> => {
  for (const name of await readdir(folder)) {
    const found = await stat(join(folder, name)).catch(ignoreMissing)
    if (found !== undefined && found.mtimeMs < sinceMs) await rm(join(folder, name), { recursive: true, force: true })
  }
}

/** A name is safe once the folder that holds it is synced. */
export const syncFolder = async (path: string): Promise<void> => {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

const codeOf = (error: unknown): string | undefined => (error as { readonly code?: string }).code

export const ignoreMissing = (error: unknown): undefined => {
  if (codeOf(error) !== 'ENOENT') throw diskError(error)
}

/** What went wrong with a file, where it has a name of its own: no space. */
export const diskError = (error: unknown): unknown => {
  if (error instanceof AppError) return error
  const code = codeOf(error)
  return code === 'ENOSPC' || code === 'EDQUOT' ? fail('storage_full', { what: 'an artifact' }, error) : error
}

export const rethrow = (error: unknown): never => {
  throw diskError(error)
}
