import { openDiskBlobs } from '../../adapters/disk/index.ts'
import type { Clock } from '../../lib/index.ts'
import type { BlobStore } from '../../ports/index.ts'

export interface OpenArtifactsOptions {
  readonly clock: Clock
  newId(): string
  /** Whether what earlier processes left unfinished is swept, which asks the store; a bucket is not asked otherwise. */
  readonly sweep: boolean
}

/** What the query of an s3:// URL may hold. */
const parameters: ReadonlySet<string> = new Set(['endpoint', 'region', 'path-style', 'presigned'])

const flag = (query: URLSearchParams, name: string): boolean | undefined => {
  const value = query.get(name)
  if (value === null) return undefined
  if (value === 'true' || value === 'false') return value === 'true'
  throw new Error(`--artifacts: ${name} is true or false, not '${value}'`)
}

const present = <T>(name: string, value: T | null | undefined): Readonly<Record<string, T>> =>
  value === null || value === undefined ? {} : { [name]: value }

/**
 * Opens what `--artifacts` names: a folder, or
 * `s3://BUCKET/PREFIX?endpoint=URL&region=REGION&path-style=BOOL&presigned=BOOL`. The driver of S3 is loaded only for it.
 */
export const openArtifacts = async (place: string, options: OpenArtifactsOptions): Promise<BlobStore> => {
  if (!place.startsWith('s3://')) return openDiskBlobs({ root: place, ...options })
  const url = new URL(place)
  const unknown = [...url.searchParams.keys()].find((name) => !parameters.has(name))
  if (unknown !== undefined) throw new Error(`--artifacts: an s3:// URL has no parameter '${unknown}'`)
  if (url.username !== '' || url.password !== '')
    throw new Error('--artifacts: credentials come from the environment or the profile of AWS, not from the URL')
  const { openS3Blobs } = await import('../../adapters/s3/index.ts')
  return openS3Blobs({
    bucket: url.hostname,
    prefix: decodeURIComponent(url.pathname),
    ...present('endpoint', url.searchParams.get('endpoint')),
    ...present('region', url.searchParams.get('region')),
    ...present('pathStyle', flag(url.searchParams, 'path-style')),
    ...present('presigned', flag(url.searchParams, 'presigned')),
    ...options,
  })
}
