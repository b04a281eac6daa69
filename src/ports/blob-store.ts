/** Immutable bytes, named by their SHA-256 in lower-case hex. */
export interface Blob {
  readonly digest: string
  readonly bytes: number
}

/** Bytes `start` to `end`, the latter not included. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

export interface PutOptions {
  /** Refused above this with `payload_too_large`, and nothing is kept. */
  readonly bytesMax: number
  /** The digest that the bytes must have; others are refused with `digest_mismatch`. */
  readonly digest?: string
}

export interface UploadPart {
  readonly number: number
  readonly etag: string
}

/**
 * Content-addressed storage. A blob becomes visible whole, checked and synced, or not at all; the same bytes twice are
 * one blob. Uploads in parts survive a restart.
 */
export interface BlobStore {
  put(bytes: AsyncIterable<Uint8Array>, options: PutOptions): Promise<Blob>
  /** Undefined when there is no such blob. */
  stat(digest: string): Promise<Blob | undefined>
  /** The bytes in pieces, at the reader's pace. Fails with `artifact_missing` when there is no such blob. */
  read(digest: string, range?: ByteRange): AsyncIterable<Uint8Array>
  /** Deleting what isn't there is allowed. */
  delete(digest: string): Promise<void>
  /** Every blob with the time it was stored, Unix ms. */
  list(): AsyncIterable<Blob & { readonly storedAtMs: number }>
  startUpload(): Promise<string>
  /** Parts come in any order, and again when they failed; the last one counts. Gives the part's etag. */
  putPart(upload: string, number: number, bytes: AsyncIterable<Uint8Array>, options: PutOptions): Promise<string>
  /** Joins the parts in the order given; fails with `invalid_request` when one is missing or its etag differs. */
  finishUpload(upload: string, parts: readonly UploadPart[]): Promise<Blob>
  abortUpload(upload: string): Promise<void>
  close(): Promise<void>
}
