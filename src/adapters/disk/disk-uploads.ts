import { mkdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Blob, PutOptions, UploadPart } from '../../ports/index.ts'
import { requirePartNumber, requireParts } from '../../ports/index.ts'
import { fail } from '../../protocol/index.ts'
import { digestBytes, diskError, ignoreMissing, readFileRange, receive, rethrow, syncFolder } from './disk-files.ts'

const missing = (upload: string): Error =>
  fail('resource_missing', { reason: `There is no upload '${upload.slice(0, 100)}'.` })

export interface DiskUploadsOptions {
  /** Where uploads are, a folder each; made already. */
  readonly root: string
  /** A path for bytes on their way, on the same file system. */
  incoming(): string
  newId(): string
}

/**
 * Uploads in parts: `ID/NUMBER` holds a part's bytes and, after them, their digest, which is the part's etag. Both get
 * their name in one move, so that a part is whole or not there.
 */
export class DiskUploads {
  readonly #options: DiskUploadsOptions

  constructor(options: DiskUploadsOptions) {
    this.#options = options
  }

  async start(): Promise<string> {
    const { root, newId } = this.#options
    const upload = newId()
    await mkdir(join(root, upload), { mode: 0o700 }).catch(rethrow)
    // Why: the client that hears the id may come back after a crash.
    await syncFolder(root)
    return upload
  }

  async putPart(
    upload: string,
    number: number,
    bytes: AsyncIterable<Uint8Array>,
    options: PutOptions,
  ): Promise<string> {
    const folder = await this.#folder(upload)
    requirePartNumber(number)
    const path = this.#options.incoming()
    const { digest } = await receive(path, bytes, { ...options, sealed: true })
    try {
      await rename(path, join(folder, String(number)))
      await syncFolder(folder)
    } catch (error) {
      await rm(path, { force: true })
      // Dropped meanwhile.
      if (ignoreMissing(error) === undefined) throw missing(upload)
    }
    return digest
  }

  /** Joins the parts into a file of their own. */
  async join(upload: string, parts: readonly UploadPart[], options: PutOptions): Promise<Blob & { path: string }> {
    const folder = await this.#folder(upload)
    requireParts(parts)
    const path = this.#options.incoming()
    return { path, ...(await receive(path, joined(folder, parts), options)) }
  }

  async drop(upload: string): Promise<void> {
    await rm(await this.#folder(upload), { recursive: true, force: true }).catch((error: unknown) => {
      throw diskError(error)
    })
  }

  async #folder(upload: string): Promise<string> {
    if (!/^[0-9a-f]{32}$/.test(upload)) throw missing(upload)
    const folder = join(this.#options.root, upload)
    if ((await stat(folder).catch(ignoreMissing)) === undefined) throw missing(upload)
    return folder
  }
}

/** The parts one after another, each checked against the etag that its upload gave. */
async function* joined(folder: string, parts: readonly UploadPart[]): AsyncGenerator<Uint8Array> {
  for (const { number, etag } of parts) {
    const path = join(folder, String(number))
    const found = await stat(path).catch(ignoreMissing)
    if (found === undefined) throw fail('invalid_parameter', { reason: `Part ${number} has not been uploaded.` })
    const end = found.size - digestBytes
    let actual = ''
    for await (const piece of readFileRange(path, { start: end, end: found.size }))
      actual += Buffer.from(piece).toString('hex')
    if (actual !== etag.replace(/^"(.*)"$/, '$1'))
      throw fail('invalid_parameter', { reason: `Part ${number} has another etag than the one given.` })
    yield* readFileRange(path, { start: 0, end })
  }
}
