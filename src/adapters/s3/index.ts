export { openS3Blobs, type S3BlobsOptions } from './open-s3-blobs.ts'
