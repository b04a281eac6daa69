import type { Queries } from '../../ports/index.ts'
import { folderOf } from '../version-seals.ts'
import type { ModelFile } from './verify-signature.ts'

/** Most files of one version that are looked at together. */
export const versionFilesMax = 100_000

/** The folder of a version's files, where this server keeps them. */
export const versionFolder = (row: { readonly storage_location: string }): string | undefined =>
  folderOf(row.storage_location) || undefined

/** One of a version's files. */
export const versionFile = async (
  queries: Queries,
  row: { readonly storage_location: string },
  path: string,
): Promise<ModelFile | undefined> => {
  const folder = versionFolder(row)
  if (folder === undefined) return undefined
  const [file] = await queries.query<{ digest: string; bytes: number }>(
    'SELECT digest, bytes FROM artifacts WHERE path = ?',
    [`${folder}/${path}`],
  )
  return file === undefined ? undefined : { path, digest: file.digest, bytes: file.bytes }
}

/** A version's files in the order of their paths, those behind `after`; at most `limit`. */
export const versionFiles = async (
  queries: Queries,
  folder: string,
  { after, limit }: { readonly after?: string; readonly limit: number },
): Promise<ModelFile[]> => {
  const rows = await queries.query<{ path: string; digest: string; bytes: number }>(
    'SELECT path, digest, bytes FROM artifacts WHERE path > ? AND path < ? ORDER BY path LIMIT ?',
    // 0 follows / in ASCII: the paths below a folder are the ones from `folder/` up to `folder0`.
    [after === undefined ? `${folder}/` : `${folder}/${after}`, `${folder}0`, limit],
  )
  return rows.map(({ path, digest, bytes }) => ({ path: path.slice(folder.length + 1), digest, bytes }))
}
