import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../../lib/index.ts'
import type { Blob, BlobStore, ByteRange, PutOptions, UploadPart } from '../../ports/index.ts'
import { fail } from '../../protocol/index.ts'
import { diskError, ignoreMissing, readFileRange, receive, sweep, syncFolder } from './disk-files.ts'
import { DiskUploads } from './disk-uploads.ts'

export interface DiskBlobsOptions {
  /** Folder of its own; made when it isn't there. */
  readonly root: string
  readonly clock: Clock
  /** 32 hex digits that were never given before. */
  newId(): string
  /** False leaves alone what earlier processes left unfinished. */
  readonly sweep?: boolean
}

/** What nobody has written to for so long was left by a process that ended. */
const uploadMsMax = 7 * 86_400_000
const incomingMsMax = 3_600_000

interface Folders {
  readonly blobs: string
  readonly incoming: string
  readonly uploads: string
}

/** Opens the store of a folder, and sweeps what earlier processes left unfinished; another process may use it as well. */
export const openDiskBlobs = async ({
  root,
  clock,
  newId,
  sweep: sweeps = true,
}: DiskBlobsOptions): Promise<BlobStore> => {
  const folders: Folders = {
    blobs: join(root, 'sha256'),
    incoming: join(root, 'incoming'),
    uploads: join(root, 'uploads'),
  }
  for (const folder of Object.values(folders)) await mkdir(folder, { recursive: true, mode: 0o700 })
  if (sweeps) {
    await sweep(folders.incoming, clock.wallMs() - incomingMsMax)
    await sweep(folders.uploads, clock.wallMs() - uploadMsMax)
  }
  return new DiskBlobs(folders, newId)
}

/**
 * Blobs as files `sha256/ab/cdef…`, named by their digest. Bytes are written to a file in `incoming`, synced, and moved:
 * a crash leaves a blob whole or not at all.
 */
class DiskBlobs implements BlobStore {
  readonly #folders: Folders
  readonly #newId: () => string
  readonly #uploads: DiskUploads
  /** Folders of blobs whose own names are safe; 256 at most. */
  readonly #synced = new Set<string>()

  constructor(folders: Folders, newId: () => string) {
    this.#folders = folders
    this.#newId = newId
    this.#uploads = new DiskUploads({ root: folders.uploads, incoming: () => this.#incoming(), newId })
  }

  async put(bytes: AsyncIterable<Uint8Array>, options: PutOptions): Promise<Blob> {
    const path = this.#incoming()
    return this.#settle(path, await receive(path, bytes, options))
  }

  async stat(digest: string): Promise<Blob | undefined> {
    const found = await stat(this.#pathOf(digest)).catch(ignoreMissing)
    return found === undefined ? undefined : { digest, bytes: found.size }
  }

  read(digest: string, range?: ByteRange): AsyncIterable<Uint8Array> {
    return readFileRange(this.#pathOf(digest), range, `sha256:${digest}`)
  }

  delete(digest: string): Promise<void> {
    return rm(this.#pathOf(digest), { force: true })
  }

  async *list(after = ''): AsyncGenerator<Blob & { readonly storedAtMs: number }> {
    const { blobs } = this.#folders
    // The names of one folder, a 256th of all, are held at a time.
    for (const folder of (await readdir(blobs)).sort()) {
      if (!/^[0-9a-f]{2}$/.test(folder) || folder < after.slice(0, 2)) continue
      for (const name of (await readdir(join(blobs, folder))).sort()) {
        const digest = folder + name
        if (!isDigest(digest) || digest <= after) continue
        const found = await stat(join(blobs, folder, name)).catch(ignoreMissing)
        if (found !== undefined) yield { digest, bytes: found.size, storedAtMs: found.mtimeMs }
      }
    }
  }

  startUpload(): Promise<string> {
    return this.#uploads.start()
  }

  putPart(upload: string, number: number, bytes: AsyncIterable<Uint8Array>, options: PutOptions): Promise<string> {
    return this.#uploads.putPart(upload, number, bytes, options)
  }

  async finishUpload(upload: string, parts: readonly UploadPart[], options: PutOptions): Promise<Blob> {
    const { path, ...blob } = await this.#uploads.join(upload, parts, options)
    return this.#settle(path, blob)
  }

  dropUpload(upload: string): Promise<void> {
    return this.#uploads.drop(upload)
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  #incoming(): string {
    return join(this.#folders.incoming, this.#newId())
  }

  #pathOf(digest: string): string {
    if (!isDigest(digest)) throw fail('artifact_missing', { path: digest.slice(0, 100) })
    return join(this.#folders.blobs, digest.slice(0, 2), digest.slice(2))
  }

  /** Gives received bytes their name. */
  async #settle(path: string, blob: Blob): Promise<Blob> {
    const folder = join(this.#folders.blobs, blob.digest.slice(0, 2))
    try {
      if ((await this.stat(blob.digest)) !== undefined) {
        await rm(path)
      } else {
        await mkdir(folder, { recursive: true, mode: 0o700 })
        await rename(path, this.#pathOf(blob.digest))
      }
      // Also of a blob that is there: whoever put it may not have come so far yet.
      await syncFolder(folder)
      if (!this.#synced.has(folder)) await syncFolder(this.#folders.blobs)
      this.#synced.add(folder)
      return blob
    } catch (error) {
      await rm(path, { force: true })
      throw diskError(error)
    }
  }
}

const isDigest = (text: string): boolean => /^[0-9a-f]{64}$/.test(text)
