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

/** A request that somebody else may make in this server's name, for a while: its URL holds the permission. */
export interface PresignedRequest {
  readonly url: string
  /** Headers that must go with it. */
  readonly headers: Readonly<Record<string, string>>
}

/**
 * Content-addressed storage. A blob becomes visible whole, checked and synced, or not at all; the same bytes twice are
 * one blob. The pieces of what is put belong to the store from then on, which may free their memory; those of what is read
 * belong to the reader. Uploads in parts survive a restart. Fails with `storage_full` when there is no space, and with
 * `storage_unavailable` when the place where the bytes are kept doesn't answer.
 */
export interface BlobStore {
  put(bytes: AsyncIterable<Uint8Array>, options: PutOptions): Promise<Blob>
  /** Undefined when there is no such blob. */
  stat(digest: string): Promise<Blob | undefined>
  /** The bytes in pieces, at the reader's pace. Fails with `artifact_missing` when there is no such blob. */
  read(digest: string, range?: ByteRange): AsyncIterable<Uint8Array>
  /** Deleting what isn't there is allowed. */
  delete(digest: string): Promise<void>
  /** Every blob with the time it was stored, Unix ms, in the order of the digests; those after `after` when it is given. */
  list(after?: string): AsyncIterable<Blob & { readonly storedAtMs: number }>
  /** Gives the upload's id, a segment of a URL; every other method fails with `resource_missing` for one it doesn't know. */
  startUpload(): Promise<string>
  /** Parts come in any order, and again when they failed; the last one counts. Gives the part's etag. */
  putPart(upload: string, number: number, bytes: AsyncIterable<Uint8Array>, options: PutOptions): Promise<string>
  /**
   * Joins the parts, given in the order of their numbers; fails with `invalid_parameter` when one is missing or its etag
   * differs. Again, it gives the same blob, until the upload is dropped.
   */
  finishUpload(upload: string, parts: readonly UploadPart[], options: PutOptions): Promise<Blob>
  /** Frees what is kept of an upload, finished or not; its blob stays. */
  dropUpload(upload: string): Promise<void>
  /** A GET of a blob, ranges of it too; absent where clients can't reach the bytes but through this server. */
  presignRead?(digest: string, options: PresignedRead): Promise<PresignedRequest>
  /** A PUT of a part; the reply's ETag is the part's etag. Absent as above. */
  presignPart?(upload: string, number: number, expiresS: number): Promise<PresignedRequest>
  close(): Promise<void>
}

export interface PresignedRead {
  readonly expiresS: number
  /** Name under which a browser keeps the bytes. */
  readonly fileName: string
}
