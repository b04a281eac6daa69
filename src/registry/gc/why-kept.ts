import type { Queries, SqlValue } from '../../ports/index.ts'
import { defaultExperimentId } from '../experiment.ts'
import { parentTag } from '../lineage/lineage-node.ts'
import { placeholders } from '../sql.ts'
import { uploadKeptMs } from '../uploads/upload-store.ts'
import { folderOf } from '../version-seals.ts'
import type { Candidate } from './garbage.ts'
import { spanText } from './garbage.ts'

export interface KeepRules {
  readonly nowMs: number
  readonly olderThanMs: number
  /** Whether what goes beside it is taken for gone, as a dry run does. */
  readonly foresees: boolean
}

interface VersionKey extends Readonly<Record<string, SqlValue>> {
  readonly model_key: number
  readonly name: string
  readonly version: number
}

/**
 * Why something that was deleted stays, or undefined when it may go. Asked again within the transaction that begins to
 * remove it, so that the answer holds.
 */
export const whyKept = async (
  queries: Queries,
  candidate: Candidate,
  rules: KeepRules,
): Promise<string | undefined> => {
  const { deletedMs, kind } = candidate
  if (deletedMs === undefined) return `it is not deleted`
  if (kind === 'upload') return tooYoung('begun', deletedMs, { ...rules, olderThanMs: uploadKeptMs })
  return (
    tooYoung('deleted', deletedMs, rules) ??
    (await (kind === 'run'
      ? runKept(queries, candidate)
      : kind === 'logged_model'
        ? modelKept(queries, candidate.id)
        : experimentKept(queries, candidate, rules))) ??
    filesKept(queries, candidate)
  )
}

const tooYoung = (what: string, sinceMs: number, { nowMs, olderThanMs }: KeepRules): string | undefined =>
  nowMs - sinceMs >= olderThanMs
    ? undefined
    : `${what} ${spanText(Math.max(0, nowMs - sinceMs))} ago; it is kept for ${spanText(olderThanMs)}`

const versionsFrom = 'FROM model_versions v JOIN registered_models m ON m.model_key = v.model_key'

const firstVersion = async (
  queries: Queries,
  condition: string,
  args: readonly SqlValue[],
): Promise<VersionKey | undefined> => {
  const [row] = await queries.query<VersionKey>(
    `SELECT v.model_key, m.name, v.version ${versionsFrom} WHERE ${condition} ORDER BY v.model_key, v.version LIMIT 1`,
    args,
  )
  return row
}

/** `version fraud/3 (@champion, used by endpoint:fraud)`: the version with what keeps it in turn. */
const versionText = async (queries: Queries, { model_key: key, name, version }: VersionKey): Promise<string> => {
  const aliases = await queries.query<{ alias: string }>(
    'SELECT alias FROM model_aliases WHERE model_key = ? AND version = ? ORDER BY alias LIMIT 3',
    [key, version],
  )
  const uses = await queries.query<{ owner: string }>(
    'SELECT owner FROM version_uses WHERE model_key = ? AND version = ? ORDER BY owner LIMIT 3',
    [key, version],
  )
  const notes = [...aliases.map(({ alias }) => `@${alias}`), ...uses.map(({ owner }) => `used by ${owner}`)]
  return `version ${name}/${version}${notes.length === 0 ? '' : ` (${notes.join(', ')})`}`
}

const runKept = async (queries: Queries, { id }: Candidate): Promise<string | undefined> => {
  const made = await firstVersion(queries, 'v.run_id = ?', [id])
  if (made !== undefined) return `${await versionText(queries, made)} was made from this run`
  const through = await firstVersion(
    queries,
    `v.model_id <> '' AND v.model_id IN (
       SELECT model_id FROM logged_models WHERE source_run_id = ?
       UNION SELECT model_id FROM run_models WHERE run_id = ? AND direction = 'output')`,
    [id, id],
  )
  if (through !== undefined) return `${await versionText(queries, through)} is a model that this run made`
  const below = await firstVersion(queries, `v.run_id IN (SELECT run_id FROM (${runsBelow}) inner_runs)`, [id])
  return below === undefined
    ? undefined
    : `${await versionText(queries, below)} was made from a run that this one started`
}

/** The runs that a run started, those that they started, and so on. */
const runsBelow = `WITH RECURSIVE below (run_id) AS (
    SELECT run_id FROM run_tags WHERE key = '${parentTag}' AND value = ?
    UNION SELECT t.run_id FROM run_tags t JOIN below b ON t.value = b.run_id WHERE t.key = '${parentTag}')
  SELECT run_id FROM below`

const modelKept = async (queries: Queries, id: string): Promise<string | undefined> => {
  const registered = await firstVersion(queries, 'v.model_id = ?', [id])
  if (registered !== undefined) return `${await versionText(queries, registered)} is this model`
  const reader = await firstVersion(
    queries,
    `v.run_id IN (SELECT run_id FROM run_models WHERE model_id = ? AND direction = 'input')`,
    [id],
  )
  return reader && `${await versionText(queries, reader)} was made from a run that read this model`
}

/** Runs of an experiment that a dry run decides about, to foresee whether the experiment can go. */
const foreseenMax = 1000

const experimentKept = async (queries: Queries, { id }: Candidate, rules: KeepRules): Promise<string | undefined> => {
  if (id === defaultExperimentId) return 'it is the default experiment'
  for (const run of await runsOf(queries, id, rules.foresees ? foreseenMax : 1)) {
    if (!rules.foresees) return `its run ${run.id} is still there`
    const reason = await whyKept(queries, run, rules)
    if (reason !== undefined) return `its run ${run.id} is kept: ${reason}`
  }
  const registered = await firstVersion(
    queries,
    `v.model_id <> '' AND v.model_id IN (SELECT model_id FROM logged_models WHERE experiment_id = ?)`,
    [Number(id)],
  )
  return registered === undefined ? undefined : `${await versionText(queries, registered)} is a model of it`
}

const runsOf = async (queries: Queries, experimentId: string, most: number): Promise<Candidate[]> => {
  const rows = await queries.query<{
    run_id: string
    name: string
    artifact_uri: string
    lifecycle_stage: string
    deleted_time: number | null
  }>(
    'SELECT run_id, name, artifact_uri, lifecycle_stage, deleted_time FROM runs WHERE experiment_id = ? ORDER BY run_id LIMIT ?',
    [Number(experimentId), most],
  )
  return rows.map((row) => ({
    kind: 'run',
    id: row.run_id,
    name: row.name,
    folder: folderOf(row.artifact_uri),
    deletedMs: row.lifecycle_stage === 'deleted' ? (row.deleted_time ?? 0) : undefined,
  }))
}

/** The folder itself and all above it, the root among them. */
const upward = (folder: string): string[] => {
  const segments = folder.split('/')
  return ['', ...segments.map((_, index) => segments.slice(0, index + 1).join('/'))]
}

/** Why the files of a folder stay: what is registered, on its way, or of somebody else. */
const filesKept = async (queries: Queries, candidate: Candidate): Promise<string | undefined> => {
  const { folder } = candidate
  if (folder === undefined) return undefined
  if (folder === '') return 'its files are at the root, among those of everybody'
  const within = [`${folder}/`, `${folder}0`]
  const above = upward(folder)
  const [sealed] = await queries.query<{ path: string }>(
    `SELECT path FROM sealed_folders WHERE path IN (${placeholders(above.length)}) OR (path >= ? AND path < ?) LIMIT 1`,
    [...above, ...within],
  )
  if (sealed !== undefined) {
    const version = await firstVersion(queries, 'v.storage_location = ?', [`mlflow-artifacts:/${sealed.path}`])
    const whose = version === undefined ? 'a registered version' : await versionText(queries, version)
    return `the files of ${whose} are below ${sealed.path}`
  }
  const uri = `mlflow-artifacts:/${folder}`
  const placed = await firstVersion(
    queries,
    'v.storage_location = ? OR (v.storage_location >= ? AND v.storage_location < ?)',
    [uri, `${uri}/`, `${uri}0`],
  )
  if (placed !== undefined) return `${await versionText(queries, placed)} names ${folder} as its place`
  const [upload] = await queries.query<{ path: string }>(
    'SELECT path FROM artifact_uploads WHERE path >= ? AND path < ? AND digest IS NULL LIMIT 1',
    within,
  )
  if (upload !== undefined) return `an upload to ${upload.path} is not finished`
  return neighbour(queries, candidate)
}

/** Another experiment may have been told to keep its files where these are. */
const neighbour = async (queries: Queries, { kind, id, folder }: Candidate): Promise<string | undefined> => {
  const rows = await queries.query<{ experiment_id: number; name: string; artifact_location: string }>(
    `SELECT experiment_id, name, artifact_location FROM experiments
     WHERE artifact_location <> 'mlflow-artifacts:/' || CAST(experiment_id AS TEXT)`,
  )
  for (const row of rows) {
    if (kind === 'experiment' && String(row.experiment_id) === id) continue
    const place = folderOf(row.artifact_location)
    if (place !== undefined && (place === folder || place.startsWith(`${folder}/`)))
      return `experiment '${row.name}' keeps its files in ${folder}`
  }
  return undefined
}
