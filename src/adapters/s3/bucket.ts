import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3'
import type { ListMultipartUploadsCommandOutput, S3Client } from '@aws-sdk/client-s3'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import type { Readable } from 'node:stream'
import { assert } from '../../lib/index.ts'
import type { ByteRange, UploadPart } from '../../ports/index.ts'
import { fail } from '../../protocol/index.ts'
import { isMissing, isRangeOutside, s3Error } from './s3-error.ts'

export interface StoredObject {
  readonly key: string
  readonly bytes: number
  readonly storedAtMs: number
}

/** A multipart upload under way, by the names that S3 has for it. */
export interface BucketUpload {
  readonly key: string
  readonly uploadId: string
}

/** How often a download is taken up again that breaks off without a byte of progress; the bytes behind a key don't change. */
const resumesMax = 3

const rangeHeader = (start: number, end: number | undefined): string | undefined =>
  start === 0 && end === undefined ? undefined : `bytes=${start}-${end === undefined ? '' : end - 1}`

const partWith = (number: number, etag: string | undefined): UploadPart => {
  assert(etag !== undefined, 'S3 gives the etag of a part')
  return { number, etag }
}

/**
 * One bucket, in the operations that blobs need. Failures are those of the error table:
 * `resource_missing` for an upload that isn't there.
 */
export class Bucket {
  readonly #s3: S3Client
  readonly #bucket: string

  constructor(s3: S3Client, bucket: string) {
    this.#s3 = s3
    this.#bucket = bucket
  }

  put(key: string, body: Uint8Array): Promise<void> {
    return this.#done(this.#s3.send(new PutObjectCommand({ Bucket: this.#bucket, Key: key, Body: body })))
  }

  delete(key: string): Promise<void> {
    return this.#done(this.#s3.send(new DeleteObjectCommand({ Bucket: this.#bucket, Key: key })))
  }

  /** Undefined when there is no such object. */
  async bytesOf(key: string): Promise<number | undefined> {
    try {
      const { ContentLength } = await this.#s3.send(new HeadObjectCommand({ Bucket: this.#bucket, Key: key }))
      return ContentLength ?? 0
    } catch (error) {
      if (isMissing(error)) return undefined
      throw s3Error(error)
    }
  }

  /** The bytes, at the reader's pace. Fails with `artifact_missing`, by that name, when there is no such object. */
  async *read(key: string, range: ByteRange | undefined, name: string): AsyncGenerator<Uint8Array> {
    let at = range?.start ?? 0
    let failures = 0
    while (range === undefined || at < range.end) {
      const body = await this.#open(key, rangeHeader(at, range?.end))
      if (body === 'missing') throw fail('artifact_missing', { path: name })
      if (body === 'outside') return
      try {
        for await (const piece of body) {
          at += piece.length
          failures = 0
          yield piece
        }
        return
      } catch (error) {
        failures += 1
        if (failures > resumesMax) throw s3Error(error)
      }
    }
  }

  async #open(key: string, range: string | undefined): Promise<AsyncIterable<Buffer> | 'outside' | 'missing'> {
    try {
      const { Body } = await this.#s3.send(new GetObjectCommand({ Bucket: this.#bucket, Key: key, Range: range }))
      return Body as Readable
    } catch (error) {
      if (isMissing(error)) return 'missing'
      if (isRangeOutside(error)) return 'outside'
      throw s3Error(error)
    }
  }

  /** The objects of a prefix in the order of their keys; those after one of them when it is given. */
  async *list(prefix: string, after?: string): AsyncGenerator<StoredObject> {
    let token: string | undefined
    do {
      const from = token === undefined ? { StartAfter: after } : { ContinuationToken: token }
      const page = await this.#told(
        this.#s3.send(new ListObjectsV2Command({ Bucket: this.#bucket, Prefix: prefix, ...from })),
      )
      for (const { Key, Size, LastModified } of page.Contents ?? [])
        if (Key !== undefined) yield { key: Key, bytes: Size ?? 0, storedAtMs: LastModified?.getTime() ?? 0 }
      token = page.IsTruncated === true ? page.NextContinuationToken : undefined
    } while (token !== undefined)
  }

  /** Copies within the bucket, without the bytes coming here. */
  copy(from: string, to: string): Promise<void> {
    return this.#done(
      this.#s3.send(new CopyObjectCommand({ Bucket: this.#bucket, Key: to, CopySource: this.#source(from) })),
    )
  }

  async startUpload(key: string): Promise<BucketUpload> {
    const { UploadId } = await this.#told(
      this.#s3.send(new CreateMultipartUploadCommand({ Bucket: this.#bucket, Key: key })),
    )
    assert(UploadId !== undefined, 'S3 names the upload that it starts')
    return { key, uploadId: UploadId }
  }

  async putPart(upload: BucketUpload, number: number, body: Uint8Array): Promise<UploadPart> {
    const { ETag } = await this.#told(
      this.#s3.send(new UploadPartCommand({ ...this.#partOf(upload, number), Body: body })),
    )
    return partWith(number, ETag)
  }

  /** Takes a range of another object as a part. */
  async copyPart(upload: BucketUpload, number: number, from: string, range: ByteRange): Promise<UploadPart> {
    const source = { CopySource: this.#source(from), CopySourceRange: rangeHeader(range.start, range.end) }
    const { CopyPartResult } = await this.#told(
      this.#s3.send(new UploadPartCopyCommand({ ...this.#partOf(upload, number), ...source })),
    )
    return partWith(number, CopyPartResult?.ETag)
  }

  finishUpload(upload: BucketUpload, parts: readonly UploadPart[]): Promise<void> {
    const Parts = parts.map(({ number, etag }) => ({ PartNumber: number, ETag: etag }))
    return this.#done(
      this.#s3.send(new CompleteMultipartUploadCommand({ ...this.#uploadOf(upload), MultipartUpload: { Parts } })),
    )
  }

  abortUpload(upload: BucketUpload): Promise<void> {
    return this.#done(this.#s3.send(new AbortMultipartUploadCommand(this.#uploadOf(upload))))
  }

  async *uploads(prefix: string): AsyncGenerator<BucketUpload & { readonly startedAtMs: number }> {
    let next: { KeyMarker?: string | undefined; UploadIdMarker?: string | undefined } | undefined = {}
    while (next !== undefined) {
      const page: ListMultipartUploadsCommandOutput = await this.#told(
        this.#s3.send(new ListMultipartUploadsCommand({ Bucket: this.#bucket, Prefix: prefix, ...next })),
      )
      for (const { Key, UploadId, Initiated } of page.Uploads ?? [])
        if (Key !== undefined && UploadId !== undefined)
          yield { key: Key, uploadId: UploadId, startedAtMs: Initiated?.getTime() ?? 0 }
      next =
        page.IsTruncated === true
          ? { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker }
          : undefined
    }
  }

  presignPart(upload: BucketUpload, number: number, expiresIn: number): Promise<string> {
    return this.#told(getSignedUrl(this.#s3, new UploadPartCommand(this.#partOf(upload, number)), { expiresIn }))
  }

  presignRead(key: string, contentDisposition: string, expiresIn: number): Promise<string> {
    const command = new GetObjectCommand({
      Bucket: this.#bucket,
      Key: key,
      ResponseContentDisposition: contentDisposition,
      ResponseContentType: 'application/octet-stream',
    })
    return this.#told(getSignedUrl(this.#s3, command, { expiresIn }))
  }

  close(): void {
    this.#s3.destroy()
  }

  #source(key: string): string {
    return `${this.#bucket}/${key.split('/').map(encodeURIComponent).join('/')}`
  }

  #uploadOf({ key, uploadId }: BucketUpload): { Bucket: string; Key: string; UploadId: string } {
    return { Bucket: this.#bucket, Key: key, UploadId: uploadId }
  }

  #partOf(
    upload: BucketUpload,
    PartNumber: number,
  ): { Bucket: string; Key: string; UploadId: string; PartNumber: number } {
    return { ...this.#uploadOf(upload), PartNumber }
  }

  async #told<T>(sent: Promise<T>): Promise<T> {
    try {
      return await sent
    } catch (error) {
      throw s3Error(error)
    }
  }

  async #done(sent: Promise<unknown>): Promise<void> {
    await this.#told(sent)
  }
}
