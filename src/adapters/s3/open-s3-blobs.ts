import { S3Client } from '@aws-sdk/client-s3'
import type { S3ClientConfig } from '@aws-sdk/client-s3'
import type { Clock } from '../../lib/index.ts'
import type { Blob, BlobStore, ByteRange, PutOptions, UploadPart } from '../../ports/index.ts'
import { fail } from '../../protocol/index.ts'
import { Bucket } from './bucket.ts'
import type { CopyLimits } from './s3-copy.ts'
import { copyLimits, copyObject } from './s3-copy.ts'
import { s3Error } from './s3-error.ts'
import { receive } from './s3-receive.ts'
import { S3Uploads } from './s3-uploads.ts'

export interface S3BlobsOptions {
  readonly bucket: string
  /** What the keys begin with: `slipway/artifacts`; '' for a bucket of its own. */
  readonly prefix: string
  /** URL of a store that speaks like S3; S3 itself when left out. */
  readonly endpoint?: string
  /** As the SDK finds it (environment, profile) when left out. */
  readonly region?: string
  /** Names the bucket in the path rather than in the host; so when there is an `endpoint`, unless told otherwise. */
  readonly pathStyle?: boolean
  /** False when clients can't reach the store themselves: then nothing is presigned, and all bytes pass this server. */
  readonly presigned?: boolean
  /** False opens it without asking the store for anything. */
  readonly sweep?: boolean
  readonly copy?: CopyLimits
  readonly clock: Clock
  /** 32 hex digits that were never given before. */
  newId(): string
}

const dayMs = 86_400_000
/** What was begun so long ago was left by a process that ended. */
const incomingMsMax = dayMs
const uploadMsMax = 7 * dayMs

/**
 * A request that fails is sent up to three times, by the SDK, at growing distances. The longest are the copies of a
 * gigabyte and the largest parts; a connection on which nothing moves is given up.
 */
const clientConfig = ({ endpoint, region, pathStyle }: S3BlobsOptions): S3ClientConfig => ({
  ...(endpoint === undefined ? {} : { endpoint }),
  ...(region === undefined ? {} : { region }),
  forcePathStyle: pathStyle ?? endpoint !== undefined,
  maxAttempts: 3,
  retryMode: 'standard',
  // Why: a request is signed with the SHA-256 of its body, which S3 checks; more checksums would be part of a presigned
  // URL, where no client could give them, and not every store knows them.
  requestChecksumCalculation: 'WHEN_REQUIRED',
  responseChecksumValidation: 'WHEN_REQUIRED',
  requestHandler: {
    connectionTimeout: 5000,
    requestTimeout: 120_000,
    throwOnRequestTimeout: true,
    socketTimeout: 60_000,
    httpAgent: { keepAlive: true, maxSockets: 256 },
    httpsAgent: { keepAlive: true, maxSockets: 256 },
  },
})

/**
 * Opens the store of a bucket, and sweeps what earlier processes left unfinished; other processes may use it as well.
 * Credentials are found by the SDK: environment, profile, the role of the machine or of the service account. Fails with
 * `storage_unavailable` when the bucket can't be used.
 */
export const openS3Blobs = async (options: S3BlobsOptions): Promise<BlobStore> => {
  const { clock, bucket: name } = options
  const bucket = new Bucket(new S3Client(clientConfig(options)), name)
  const given = options.prefix.replace(/^\/+|\/+$/g, '')
  const prefix = given === '' ? '' : `${given}/`
  try {
    if (options.sweep !== false) await sweep(bucket, prefix, clock.wallMs())
  } catch (error) {
    bucket.close()
    throw s3Error(error)
  }
  return new S3Blobs(bucket, prefix, options)
}

const sweep = async (bucket: Bucket, prefix: string, nowMs: number): Promise<void> => {
  const uploads = `${prefix}uploads/`
  const since = (key: string): number => nowMs - (key.startsWith(uploads) ? uploadMsMax : incomingMsMax)
  for await (const upload of bucket.uploads(prefix))
    if (upload.startedAtMs < since(upload.key)) await bucket.abortUpload(upload).catch(ignoreGone)
  for (const folder of [`${prefix}incoming/`, uploads])
    for await (const { key, storedAtMs } of bucket.list(folder)) if (storedAtMs < since(key)) await bucket.delete(key)
}

/** Another process swept it. */
const ignoreGone = (error: unknown): void => {
  if ((error as { readonly code?: string }).code !== 'resource_missing') throw error
}

/**
 * Blobs as objects `sha256/ab/cdef…`, named by their digest. S3 can't rename, so that bytes of unknown digest are copied
 * there from `incoming/`, within S3.
 */
class S3Blobs implements BlobStore {
  readonly #bucket: Bucket
  readonly #prefix: string
  readonly #newId: () => string
  readonly #copy: CopyLimits
  readonly #uploads: S3Uploads

  readonly presignRead?: NonNullable<BlobStore['presignRead']>
  readonly presignPart?: NonNullable<BlobStore['presignPart']>

  constructor(bucket: Bucket, prefix: string, { newId, copy = copyLimits, presigned = true }: S3BlobsOptions) {
    this.#bucket = bucket
    this.#prefix = prefix
    this.#newId = newId
    this.#copy = copy
    const uploads = new S3Uploads(bucket, `${prefix}uploads/`, newId)
    this.#uploads = uploads
    if (!presigned) return
    this.presignRead = async (digest, { fileName, expiresS }) => {
      const disposition = `attachment; filename*=UTF-8''${encodeURIComponent(fileName)}`
      return { url: await bucket.presignRead(this.#keyOf(digest), disposition, expiresS), headers: {} }
    }
    this.presignPart = async (upload, number, expiresS) => ({
      url: await uploads.presignPart(upload, number, expiresS),
      headers: {},
    })
  }

  async put(bytes: AsyncIterable<Uint8Array>, options: PutOptions): Promise<Blob> {
    const incoming = `${this.#prefix}incoming/${this.#newId()}`
    const arrival = { incoming, keyOf: (digest: string) => this.#keyOf(digest) }
    const { blob, waits } = await receive(this.#bucket, bytes, arrival, options)
    if (!waits) return blob
    try {
      await this.#settle(incoming, blob)
    } finally {
      // Why: what is left behind here is swept a day later, while the blob is safe already.
      await this.#bucket.delete(incoming).catch(() => {})
    }
    return blob
  }

  async stat(digest: string): Promise<Blob | undefined> {
    const bytes = await this.#bucket.bytesOf(this.#keyOf(digest))
    return bytes === undefined ? undefined : { digest, bytes }
  }

  async *read(digest: string, range?: ByteRange): AsyncGenerator<Uint8Array> {
    const name = `sha256:${digest}`
    const key = this.#keyOf(digest)
    if (range !== undefined && range.end <= range.start && (await this.#bucket.bytesOf(key)) === undefined)
      throw fail('artifact_missing', { path: name })
    yield* this.#bucket.read(key, range, name)
  }

  delete(digest: string): Promise<void> {
    return this.#bucket.delete(this.#keyOf(digest))
  }

  async *list(after?: string): AsyncGenerator<Blob & { readonly storedAtMs: number }> {
    const root = `${this.#prefix}sha256/`
    const last = after === undefined ? undefined : this.#keyOf(after)
    for await (const { key, bytes, storedAtMs } of this.#bucket.list(root, last)) {
      const digest = key.slice(root.length).replace('/', '')
      if (isDigest(digest)) yield { digest, bytes, storedAtMs }
    }
  }

  startUpload(): Promise<string> {
    return this.#uploads.start()
  }

  putPart(upload: string, number: number, bytes: AsyncIterable<Uint8Array>, options: PutOptions): Promise<string> {
    return this.#uploads.putPart(upload, number, bytes, options)
  }

  async finishUpload(upload: string, parts: readonly UploadPart[], options: PutOptions): Promise<Blob> {
    const { key, ...blob } = await this.#uploads.join(upload, parts, options)
    if ((await this.stat(blob.digest)) === undefined) await this.#settle(key, blob)
    return blob
  }

  dropUpload(upload: string): Promise<void> {
    return this.#uploads.drop(upload)
  }

  close(): Promise<void> {
    this.#bucket.close()
    return Promise.resolve()
  }

  #settle(from: string, { digest, bytes }: Blob): Promise<void> {
    return copyObject(this.#bucket, { from, to: this.#keyOf(digest), bytes }, this.#copy)
  }

  #keyOf(digest: string): string {
    if (!isDigest(digest)) throw fail('artifact_missing', { path: digest.slice(0, 100) })
    return `${this.#prefix}sha256/${digest.slice(0, 2)}/${digest.slice(2)}`
  }
}

const isDigest = (text: string): boolean => /^[0-9a-f]{64}$/.test(text)
