import type { UploadPart } from '../../ports/index.ts'
import type { Bucket } from './bucket.ts'
import { inWindow } from './in-window.ts'

export interface CopyLimits {
  /** Largest object that is copied in one request; S3 allows 5 GB, less answers within the time limit of a request. */
  readonly copyBytesMax: number
  /** Size of a part of larger ones. */
  readonly copyPartBytes: number
}

export const copyLimits: CopyLimits = { copyBytesMax: 1024 ** 3, copyPartBytes: 512 * 1024 ** 2 }

const copiesAtOnce = 4

/** Copies an object within its bucket, large ones in parts at once. */
export const copyObject = async (
  bucket: Bucket,
  object: { readonly from: string; readonly to: string; readonly bytes: number },
  { copyBytesMax, copyPartBytes }: CopyLimits,
): Promise<void> => {
  const { from, to, bytes } = object
  if (bytes <= copyBytesMax) return bucket.copy(from, to)
  const upload = await bucket.startUpload(to)
  try {
    const tasks = Array.from({ length: Math.ceil(bytes / copyPartBytes) }, (_, index) => {
      const range = { start: index * copyPartBytes, end: Math.min(bytes, (index + 1) * copyPartBytes) }
      return () => bucket.copyPart(upload, index + 1, from, range)
    })
    const parts: UploadPart[] = []
    for await (const part of inWindow(tasks, copiesAtOnce)) parts.push(part)
    await bucket.finishUpload(upload, parts)
  } catch (error) {
    await bucket.abortUpload(upload).catch(() => {})
    throw error
  }
}
