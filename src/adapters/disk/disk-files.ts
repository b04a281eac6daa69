import { createHash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { open, readdir, rm, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { Blob, ByteRange, PutOptions } from '../../ports/index.ts'
import { AppError, fail } from '../../protocol/index.ts'
import { FileWriter } from './file-writer.ts'

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
  const writer = new FileWriter(file)
  try {
    const blob = await write(writer, bytes, options)
    await file.close()
    return blob
  } catch (error) {
    await writer.stop()
    await file.close().catch(() => {})
    await rm(path, { force: true })
    throw diskError(error)
  }
}

const write = async (
  writer: FileWriter,
  bytes: AsyncIterable<Uint8Array>,
  { bytesMax, digest: expected, sealed }: ReceiveOptions,
): Promise<Blob> => {
  const hash = createHash('sha256')
  let total = 0
  for await (const piece of bytes) {
    total += piece.length
    if (total > bytesMax) throw fail('payload_too_large', { what: 'the file', limitBytes: bytesMax })
    hash.update(piece)
    await writer.add(piece)
  }
  const digest = hash.digest('hex')
  if (expected !== undefined && expected !== digest) throw fail('digest_mismatch', { actual: digest, expected })
  if (sealed === true) await writer.add(Buffer.from(digest, 'hex'))
  await writer.end()
  return { digest, bytes: total }
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
    let next = readAt(file, range?.start ?? 0, end)
    for (let at = range?.start ?? 0; at < end;) {
      const piece = await next
      if (piece.length === 0) return
      at += piece.length
      // One piece is read while the one before it is on its way to the reader.
      next = readAt(file, at, end)
      yield piece
    }
  } finally {
    await file.close()
  }
}

const readAt = (file: FileHandle, at: number, end: number): Promise<Uint8Array> => {
  const reading = async (): Promise<Uint8Array> => {
    if (at >= end) return new Uint8Array()
    const buffer = Buffer.allocUnsafeSlow(Math.min(pieceBytes, end - at))
    const { bytesRead } = await file.read(buffer, 0, buffer.length, at)
    return buffer.subarray(0, bytesRead)
  }
  const piece = reading()
  // Why: nobody waits for it when the reader stops before.
  piece.catch(() => {})
  return piece
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
