export type { Blob, BlobStore, ByteRange, PutOptions, UploadPart } from './blob-store.ts'
export type { Database, Migration, Queries, SqlDialect, SqlRow, SqlValue } from './database.ts'
export { migrate } from './migrate.ts'
