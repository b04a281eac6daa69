import { createHash } from 'node:crypto'
import { Semaphore } from '../../lib/index.ts'
import type { Blob, ByteRange, PutOptions, UploadPart } from '../../ports/index.ts'
import { requirePartNumber, requireParts } from '../../ports/index.ts'
import { AppError, fail } from '../../protocol/index.ts'
import type { Bucket, BucketUpload } from './bucket.ts'
import { inWindow } from './in-window.ts'
import { partsOf } from './parts-of.ts'

/** A part that comes through this server is held whole, since S3 wants to know its size first. */
const partBytesMax = 64 * 1024 * 1024
/** So many of them are held at once. */
const partsAtOnce = 8

/** What is read back at a time to hash a finished upload, and how many such ranges are on their way. */
const hashedBytes = 8 * 1024 * 1024
const hashedAtOnce = 4

/** What S3 and the stores like it make their ids of. Why: one of them takes an id for a path on its disk. */
const isUploadId = (text: string): boolean => /^[\w.~+=-]{1,1024}$/.test(text) && !/^\.+$/.test(text)

const missing = (upload: string, cause?: unknown): AppError =>
  fail('resource_missing', { reason: `There is no upload '${upload.slice(0, 100)}'.` }, cause)

/**
 * Uploads in parts, straight to S3's own multipart uploads. An upload's id holds our id, which its key is made of, and
 * S3's in base64url, so that it means the same after a restart and in another process.
 */
export class S3Uploads {
  readonly #bucket: Bucket
  readonly #prefix: string
  readonly #newId: () => string
  readonly #held = new Semaphore(partsAtOnce)

  /** Keys are `prefix` and an id. */
  constructor(bucket: Bucket, prefix: string, newId: () => string) {
    this.#bucket = bucket
    this.#prefix = prefix
    this.#newId = newId
  }

  async start(): Promise<string> {
    const id = this.#newId()
    const { uploadId } = await this.#bucket.startUpload(this.#prefix + id)
    if (!isUploadId(uploadId)) throw fail('storage_unavailable', { reason: `it names an upload '${uploadId}'` })
    return `${id}.${Buffer.from(uploadId).toString('base64url')}`
  }

  async putPart(
    upload: string,
    number: number,
    bytes: AsyncIterable<Uint8Array>,
    options: PutOptions,
  ): Promise<string> {
    const known = this.#known(upload)
    requirePartNumber(number)
    return this.#held.run(async () => {
      const body = await held(bytes, options)
      const { etag } = await this.#bucket.putPart(known, number, body).catch(named(upload))
      return etag
    })
  }

  /** Joins the parts into an object of their own; again it only looks at that. */
  async join(
    upload: string,
    parts: readonly UploadPart[],
    { bytesMax, digest: expected }: PutOptions,
  ): Promise<Blob & { key: string }> {
    const known = this.#known(upload)
    requireParts(parts)
    let absent: unknown
    await this.#bucket.finishUpload(known, parts).catch((error: unknown) => {
      if (!isAbsent(error)) throw error
      absent = error
    })
    const bytes = await this.#bucket.bytesOf(known.key)
    if (bytes === undefined) throw missing(upload, absent)
    if (bytes > bytesMax) throw fail('payload_too_large', { what: 'the file', limitBytes: bytesMax })
    const digest = await this.#digestOf(known.key, bytes)
    if (expected !== undefined && expected !== digest) throw fail('digest_mismatch', { actual: digest, expected })
    return { key: known.key, digest, bytes }
  }

  async drop(upload: string): Promise<void> {
    const known = this.#known(upload)
    const isFinished = (await this.#bucket.bytesOf(known.key)) !== undefined
    if (isFinished) await this.#bucket.delete(known.key)
    await this.#bucket.abortUpload(known).catch((error: unknown) => {
      if (!isAbsent(error)) throw error
      if (!isFinished) throw missing(upload, error)
    })
  }

  async presignPart(upload: string, number: number, expiresS: number): Promise<string> {
    const known = this.#known(upload)
    requirePartNumber(number)
    return this.#bucket.presignPart(known, number, expiresS)
  }

  #known(upload: string): BucketUpload {
    const [, id, encoded] = /^([0-9a-f]{32})\.([\w-]{1,2000})$/.exec(upload) ?? []
    const uploadId = Buffer.from(encoded ?? '', 'base64url').toString()
    if (id === undefined || !isUploadId(uploadId)) throw missing(upload)
    return { key: this.#prefix + id, uploadId }
  }

  /** Ranges are fetched side by side: one connection to S3 is slower than hashing. */
  async #digestOf(key: string, bytes: number): Promise<string> {
    const bucket = this.#bucket
    const tasks = function* (): Generator<() => Promise<Uint8Array[]>> {
      for (let start = 0; start < bytes; start += hashedBytes) {
        const range: ByteRange = { start, end: Math.min(bytes, start + hashedBytes) }
        yield () => Array.fromAsync(bucket.read(key, range, key))
      }
    }
    const hash = createHash('sha256')
    for await (const pieces of inWindow(tasks(), hashedAtOnce)) for (const piece of pieces) hash.update(piece)
    return hash.digest('hex')
  }
}

const isAbsent = (error: unknown): boolean => error instanceof AppError && error.code === 'resource_missing'

const named =
  (upload: string) =>
  (error: unknown): never => {
    throw isAbsent(error) ? missing(upload, error) : error
  }

const held = async (
  bytes: AsyncIterable<Uint8Array>,
  { bytesMax, digest: expected }: PutOptions,
): Promise<Uint8Array> => {
  const limitBytes = Math.min(bytesMax, partBytesMax)
  for await (const { bytes: body, last } of partsOf(bytes, limitBytes)) {
    if (!last) break
    const digest = expected === undefined ? undefined : createHash('sha256').update(body).digest('hex')
    if (expected !== undefined && digest !== undefined && digest !== expected)
      throw fail('digest_mismatch', { actual: digest, expected })
    return body
  }
  throw fail('payload_too_large', { what: 'the part', limitBytes })
}
