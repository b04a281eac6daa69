import type { Queries } from '../../ports/index.ts'
import { folderOf } from '../version-seals.ts'
import type { Candidate } from './garbage.ts'

export interface Size {
  readonly files: number
  readonly bytes: number
  readonly bytesAlone: number
}

export const noSize: Size = { files: 0, bytes: 0, bytesAlone: 0 }

const sizeBelow = async (queries: Queries, folder: string): Promise<Size> => {
  const within = [`${folder}/`, `${folder}0`]
  const [named] = await queries.query<{ files: number; bytes: number }>(
    'SELECT COUNT(*) AS files, CAST(COALESCE(SUM(bytes), 0) AS BIGINT) AS bytes FROM artifacts WHERE path >= ? AND path < ?',
    within,
  )
  if (named === undefined || named.files === 0) return noSize
  const [alone] = await queries.query<{ bytes: number }>(
    `SELECT CAST(COALESCE(SUM(bytes), 0) AS BIGINT) AS bytes FROM (
       SELECT a.digest, MAX(a.bytes) AS bytes FROM artifacts a WHERE a.path >= ? AND a.path < ? AND NOT EXISTS (
         SELECT 1 FROM artifacts b WHERE b.digest = a.digest AND (b.path < ? OR b.path >= ?)) GROUP BY a.digest) owned`,
    [...within, ...within],
  )
  return { ...named, bytesAlone: alone?.bytes ?? 0 }
}

/** Deleted models of one experiment that are told apart from it. */
const modelsMax = 1000

/** What something holds by itself: of an experiment what is neither in its runs nor in models that were deleted before. */
export const sizeOf = async (queries: Queries, { kind, id, folder }: Candidate): Promise<Size> => {
  if (folder === undefined || folder === '') return noSize
  if (kind !== 'experiment') return sizeBelow(queries, folder)
  if (folder !== id) return noSize
  const deleted = await queries.query<{ artifact_uri: string }>(
    `SELECT artifact_uri FROM logged_models WHERE experiment_id = ? AND lifecycle_stage = 'deleted' LIMIT ?`,
    [Number(id), modelsMax],
  )
  let sum = plus(await sizeBelow(queries, `${id}/models`), await sizeBelow(queries, `${id}/traces`), 1)
  for (const { artifact_uri: uri } of deleted) sum = plus(sum, await sizeBelow(queries, folderOf(uri) ?? id), -1)
  return sum
}

const plus = (a: Size, b: Size, sign: 1 | -1): Size => ({
  files: a.files + sign * b.files,
  bytes: a.bytes + sign * b.bytes,
  bytesAlone: Math.max(0, a.bytesAlone + sign * b.bytesAlone),
})
