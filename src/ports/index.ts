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
export { requirePartNumber, requireParts, uploadPartsMax } from './upload-parts.ts'
