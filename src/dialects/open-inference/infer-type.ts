import { fail } from '../../protocol/index.ts'

/**
 * Content types that come with inference requests. The binary tensor extension has octet-stream; the other two are
 * what curl, and fetch, put on a text that nobody named a type for.
 */
const inferTypes = new Set([
  'application/json',
  'text/json',
  'application/octet-stream',
  'application/x-www-form-urlencoded',
  'text/plain',
])

/**
 * Refuses a body in a form that this path doesn't read, such as CSV. A raw request (a JSON part of no bytes) may have
 * any type: its body is the data of a tensor, an image for one.
 */
export const requireInferType = (contentType: string | undefined, jsonBytes: string | undefined): void => {
  if (contentType === undefined || contentType === 'application/json') return
  const mediaType = contentType.split(';', 1)[0]?.trim().toLowerCase() ?? ''
  if (mediaType === '' || inferTypes.has(mediaType) || mediaType.endsWith('+json') || jsonBytes === '0') return
  throw fail('unsupported_media_type', { type: contentType })
}
