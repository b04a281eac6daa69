import { createHash } from 'node:crypto'
import type { Blob, PutOptions, UploadPart } from '../../ports/index.ts'
import { uploadPartsMax } from '../../ports/index.ts'
import { AppError, fail } from '../../protocol/index.ts'
import type { Bucket, BucketUpload } from './bucket.ts'
import { inWindow } from './in-window.ts'
import type { PartOf } from './parts-of.ts'
import { partsOf } from './parts-of.ts'

/** Least size of a part; one that is being filled and those under way are what a file in transit holds of memory. */
const partBytesMin = 8 * 1024 * 1024
const partBytesMax = 64 * 1024 * 1024
const partsAtOnce = 3

/** Parts of one size, as some stores want them, that hold the largest file allowed. */
const partBytesFor = (bytesMax: number): number =>
  Math.min(partBytesMax, Math.max(partBytesMin, Math.ceil(bytesMax / uploadPartsMax)))

export interface Arrival {
  /** Key under which bytes wait whose digest isn't known yet. */
  readonly incoming: string
  keyOf(digest: string): string
}

/** Counts and hashes bytes that pass, within the bound. */
class Sum {
  readonly #hash = createHash('sha256')
  readonly #options: PutOptions
  #bytes = 0

  constructor(options: PutOptions) {
    this.#options = options
  }

  async *of(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    const limitBytes = Math.min(this.#options.bytesMax, partBytesMax * uploadPartsMax)
    for await (const piece of bytes) {
      this.#bytes += piece.length
      if (this.#bytes > limitBytes) throw fail('payload_too_large', { what: 'the file', limitBytes })
      this.#hash.update(piece)
      yield piece
    }
  }

  /** Fails with `digest_mismatch` when another digest was expected. */
  blob(): Blob {
    const digest = this.#hash.digest('hex')
    const { digest: expected } = this.#options
    if (expected !== undefined && expected !== digest) throw fail('digest_mismatch', { actual: digest, expected })
    return { digest, bytes: this.#bytes }
  }
}

/**
 * Takes bytes in. What fits in one part goes to its place at once. More goes there part by part when its digest is
 * known, to be completed only if it holds; else it waits at `incoming`, for the caller to copy it. Bytes that are there
 * already are only compared. A failure leaves nothing.
 */
export const receive = async (
  bucket: Bucket,
  bytes: AsyncIterable<Uint8Array>,
  arrival: Arrival,
  options: PutOptions,
): Promise<{ blob: Blob; waits: boolean }> => {
  const sum = new Sum(options)
  const { digest: expected } = options
  const isStored = async (digest: string): Promise<boolean> =>
    (await bucket.bytesOf(arrival.keyOf(digest))) !== undefined
  if (expected !== undefined && (await isStored(expected))) {
    for await (const _ of sum.of(bytes));
    return { blob: sum.blob(), waits: false }
  }
  const parts = partsOf(sum.of(bytes), partBytesFor(options.bytesMax))
  const first = await parts.next()
  if (first.done === true || first.value.last) {
    const blob = sum.blob()
    if (!(await isStored(blob.digest))) await bucket.put(arrival.keyOf(blob.digest), first.value?.bytes ?? empty)
    return { blob, waits: false }
  }
  const key = expected === undefined ? arrival.incoming : arrival.keyOf(expected)
  const upload = await bucket.startUpload(key).catch(async (error: unknown) => {
    await parts.return(undefined)
    throw error
  })
  try {
    const sent = await sendParts(bucket, upload, prepended(first.value, parts))
    const blob = sum.blob()
    if (await isStored(blob.digest)) {
      await bucket.abortUpload(upload)
      return { blob, waits: false }
    }
    await bucket.finishUpload(upload, sent)
    return { blob, waits: expected === undefined }
  } catch (error) {
    // Why: what failed is what the caller hears; what can't be undone now is swept later.
    await bucket.abortUpload(upload).catch(() => {})
    throw forgotten(error)
      ? fail('storage_unavailable', { reason: 'S3 dropped what was being uploaded' }, error)
      : error
  }
}

const forgotten = (error: unknown): boolean => error instanceof AppError && error.code === 'resource_missing'

const empty = new Uint8Array()

async function* prepended<T>(first: T, rest: AsyncIterable<T>): AsyncGenerator<T> {
  yield first
  yield* rest
}

const sendParts = async (
  bucket: Bucket,
  upload: BucketUpload,
  parts: AsyncIterable<PartOf>,
): Promise<readonly UploadPart[]> => {
  const tasks = async function* (): AsyncGenerator<() => Promise<UploadPart>> {
    let last = 0
    for await (const { bytes } of parts) {
      last += 1
      const number = last
      yield () => bucket.putPart(upload, number, bytes)
    }
  }
  const sent: UploadPart[] = []
  for await (const part of inWindow(tasks(), partsAtOnce)) sent.push(part)
  return sent
}
