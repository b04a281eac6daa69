import { AppError, fail } from '../../protocol/index.ts'

interface S3Failure {
  readonly name?: string
  readonly message?: string
  /** Of the operating system: ECONNREFUSED. */
  readonly code?: string
  readonly $metadata?: { readonly httpStatusCode?: number }
}

/** What S3 itself and the stores that speak like it call an answer. */
const missingNames: ReadonlySet<string> = new Set(['NoSuchKey', 'NotFound'])
const fullNames: ReadonlySet<string> = new Set([
  'QuotaExceeded',
  'InsufficientStorage',
  'XMinioStorageFull',
  'XMinioAdminBucketQuotaExceeded',
])
const partNames: ReadonlySet<string> = new Set(['InvalidPart', 'InvalidPartOrder', 'EntityTooSmall'])

/** Of the SDK, when no answer came. */
const unreachedNames: ReadonlySet<string> = new Set(['TimeoutError', 'CredentialsProviderError', 'AbortError'])

export const isMissing = (error: unknown): boolean => missingNames.has((error as S3Failure).name ?? '')
export const isRangeOutside = (error: unknown): boolean => (error as S3Failure).$metadata?.httpStatusCode === 416

const answered = (status: number, name: string, error: unknown): AppError => {
  if (fullNames.has(name) || status === 507) return fail('storage_full', { what: 'an artifact' }, error)
  if (name === 'NoSuchUpload') return fail('resource_missing', { reason: 'There is no such upload.' }, error)
  if (partNames.has(name)) return fail('invalid_parameter', { reason: `The parts can't be joined: ${name}` }, error)
  return fail('storage_unavailable', { reason: `S3 answered ${status} ${name}` }, error)
}

/** What callers are told of a failure of S3: no space, a fault in the parts, or that it can't be used now and why. */
export const s3Error = (error: unknown): unknown => {
  if (error instanceof AppError) return error
  const { name = '', message = '', code, $metadata } = error as S3Failure
  const status = $metadata?.httpStatusCode
  if (status !== undefined) return answered(status, name, error)
  return code !== undefined || unreachedNames.has(name)
    ? fail('storage_unavailable', { reason: message || code || name }, error)
    : error
}
