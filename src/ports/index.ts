export type {
  Blob,
  BlobStore,
  ByteRange,
  PresignedRead,
  PresignedRequest,
  PutOptions,
  UploadPart,
} from './blob-store.ts'
export type { Database, Migration, Queries, SqlDialect, SqlRow, SqlValue } from './database.ts'
export { migrate } from './migrate.ts'
export type { MayConnect, OutboundFailure, OutboundHttp, OutboundPost, OutboundReply } from './outbound-http.ts'
export { requirePartNumber, requireParts, uploadPartsMax } from './upload-parts.ts'
